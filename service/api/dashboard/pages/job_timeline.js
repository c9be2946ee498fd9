/** When a job did what, and how long each step took; its attempts as a waterfall. */

import { Waterfall } from "../graph/waterfall.js";
import { html } from "../lib/html.js";
import { between, duration } from "../lib/times.js";
import { LIVE } from "../lib/words.js";
import { Moment } from "../ui/time.js";
import { State } from "../ui/words.js";

/** @param {{job: any, attempts: any[]}} properties */
export function Timeline({ job, attempts }) {
  const steps = stepsOf(job, attempts);
  const bars = barsOf(job, attempts);
  return html`
    <ol class="timeline">${steps.map((step, index) => html`<li key=${step.name}>
      <strong>${step.name}</strong> <${Moment} at=${step.at} />
      ${index > 0 && html`<span class="quiet">after ${duration(between(steps[index - 1].at, step.at))}</span>`}</li>`)}
      ${LIVE.includes(job.state) && html`<li><strong><${State} state=${job.state} /></strong> <span class="quiet">for ${duration(between(steps[steps.length - 1].at))}</span></li>`}
    </ol>
    ${bars.length > 0 && html`<${Waterfall} label="Attempts" rows=${bars} from=${job.created_at} />`}`;
}

/**
 * @param {any} job
 * @param {any[]} attempts
 * @returns {{name: string, at: string}[]}
 */
function stepsOf(job, attempts) {
  // A job that waits for its next attempt was queued and started for the one before.
  const later = (/** @type {string | null} */ at) => at !== null && attempts.some((attempt) => attempt.at < at);
  const all = [
    { name: "created", at: job.created_at },
    ...attempts.map((attempt) => ({ name: `attempt ${attempt.attempt} ${attempt.outcome}`, at: attempt.at })),
    { name: later(job.queued_at) ? "queued again" : "queued", at: job.queued_at },
    { name: later(job.started_at) ? "started again" : "started", at: job.started_at },
    { name: job.state, at: job.finished_at },
  ];
  // The last attempt of a dead job ended when the job did.
  return all.filter((step) => step.at !== null).sort((one, other) => one.at.localeCompare(other.at));
}

/** @param {any} job @param {any[]} attempts */
function barsOf(job, attempts) {
  const failed = attempts.map((attempt) => {
    const end = new Date(attempt.at).getTime();
    const begin = end - (attempt.duration_seconds ?? 0) * 1000;
    return { key: `attempt ${attempt.attempt}`, state: attempt.outcome === "failed" ? "dead" : "lost", begin, end, text: `${attempt.outcome} after ${duration(attempt.duration_seconds)}` };
  });
  const last = job.started_at === null || ["dead", "retrying"].includes(job.state) && attempts.length > 0 ? [] : [{
    key: `attempt ${job.attempt}`, state: job.state, begin: new Date(job.started_at).getTime(),
    end: job.finished_at === null ? Date.now() : new Date(job.finished_at).getTime(), text: `${job.state}, ${duration(between(job.started_at, job.finished_at))}`,
  }];
  return [...failed, ...last];
}
