/** What a job left behind: reasons, attempts, log lines, payload and result. */

import { print } from "../lib/exact_json.js";
import { html } from "../lib/html.js";
import { addressOf } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink, State } from "../ui/words.js";

/** @param {{explanation: any}} properties */
export function Explanation({ explanation }) {
  return html`
    <ul class="reasons">${explanation.reasons.map((/** @type {any} */ reason) => html`<li key=${reason.code}>${reason.message} <code>${reason.code}</code>
      ${reason.holder_id && html`<p>Held by <${IdLink} id=${reason.holder_id} /></p>`}
      ${reason.waits_for && html`<ul>${reason.waits_for.map((/** @type {any} */ row) => html`<li key=${row.id}>${row.key === null ? "" : `${row.key} `}${addressOf(row.id) === null ? row.id : html`<a href=${addressOf(row.id)} class="id">${row.id}</a>`} <${State} state=${row.state} /></li>`)}</ul>`}
    </li>`)}</ul>
    ${explanation.next_at !== null && html`<p>Next: <${Moment} at=${explanation.next_at} /> (<${Ago} at=${explanation.next_at} />)</p>`}`;
}

/** Newest first. @param {{items: any[]}} properties */
export function Attempts({ items }) {
  if (items.length === 0) return html`<p class="empty">None.</p>`;
  return items.toReversed().map((attempt, index) => html`
    <details key=${items.length - index} id=${`attempt-${items.length - index}`} open=${index === 0}>
      <summary>Attempt ${attempt.attempt} ${attempt.outcome} <${Ago} at=${attempt.at} /> after ${duration(attempt.duration_seconds)}: <strong class="text">${`${attempt.type}: ${attempt.message}`}</strong></summary>
      <p>At <${Moment} at=${attempt.at} />, worker ${attempt.worker_id === null ? "unknown" : html`<${IdLink} id=${attempt.worker_id} page="workers" />`}</p>
      <pre tabindex="0" class="scroll" aria-label="Traceback">${attempt.traceback || "No traceback."}</pre>
    </details>`);
}

/** @param {{items: {at: string, message: string}[]}} properties */
export function Log({ items }) {
  if (items.length === 0) return html`<p class="empty">The handler logged nothing.</p>`;
  return html`<ol class="log scroll" tabindex="0" aria-label="Log lines">${items.map((line, index) => html`
    <li key=${index}><${Moment} at=${line.at} /> <span class="text">${line.message}</span></li>`)}</ol>`;
}

/** @param {{job: any}} properties */
export function Values({ job }) {
  // A payload is an object: null says that this key may not see it, or that its type was never published.
  if (job.payload === null) {
    return html`<p class="lacking">This key lacks the scope payload:read, or no worker has published this job type yet.</p>`;
  }
  return html`<div class="values">
    <${Value} name="payload" content=${job.payload} />
    ${job.state === "succeeded" && html`<${Value} name="result" content=${job.result} />`}</div>`;
}

/** @param {{name: string, content: unknown}} properties */
function Value({ name, content }) {
  return html`<div><h3 id=${`${name}-title`}>${name}</h3>
    <pre tabindex="0" class="scroll" id=${`${name}-value`} role="group" aria-labelledby=${`${name}-title`}>${print(content)}</pre></div>`;
}
