/** One job: what it is, why it is where it is, what it tried, and what can be done. */

import { path } from "../lib/api.js";
import { html, useEffect, useRef } from "../lib/html.js";
import { useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { errorText, LIVE } from "../lib/words.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts, Text } from "../ui/table.js";
import { Ago, Moment, useSeconds } from "../ui/time.js";
import { IdLink, QueueLink, State, Tags, TypeLink } from "../ui/words.js";
import { JobActions } from "./job_actions.js";
import { Attempts, Explanation, Log, Values } from "./job_parts.js";
import { Timeline } from "./job_timeline.js";

/** @type {import("../app/pages.js").PageView} */
export function JobPage({ route }) {
  const id = route.id ?? "";
  const concerns = (/** @type {any} */ change) => change.id === id;
  const job = useReading(path`jobs/${id}`, { concerns });
  const found = job.data, refresh = job.refresh;
  // What a finished job left behind changes with its version alone; why one waits changes with others.
  const finished = found !== null && !LIVE.includes(found.state);
  const part = { concerns, until: () => finished };
  const explanation = useReading(found && path`jobs/${id}/explain`, part);
  const attempts = useReading(found && path`jobs/${id}/attempts`, part);
  const logs = useReading(found && path`jobs/${id}/logs`, part);
  useVersion(found?.version, [explanation, attempts, logs]);
  useSeconds(found?.state === "running");
  // As long as the job cannot be read, no part can.
  const or = (/** @type {import("../lib/reading.js").Reading} */ reading) => (found === null && job.error !== null ? job : reading);
  return html`
    <${Panel} id="job" title="State" name=${`job ${id}`} reading=${job} beside=${found && html`<${JobActions} job=${found} then=${refresh} />`}>${jobFacts}<//>
    ${!missing(job) && html`
      <${Panel} id="explanation" title="Why is it in this state?" reading=${or(explanation)}>${(/** @type {any} */ data) => html`<${Explanation} explanation=${data} />`}<//>
      <${Panel} id="timeline" title="Timeline" reading=${job}>${(/** @type {any} */ data) => html`<${Timeline} job=${data} attempts=${attempts.data?.items ?? []} />`}<//>
      <${Panel} id="attempts" title="Failed attempts" reading=${or(attempts)}>${(/** @type {any} */ data) => html`<${Attempts} items=${data.items} />`}<//>
      <${Panel} id="logs" title="Log" reading=${or(logs)}>${(/** @type {any} */ data) => html`<${Log} items=${data.items} />`}<//>
      <${Panel} id="values" title="Payload and result" reading=${job}>${(/** @type {any} */ data) => html`<${Values} job=${data} />`}<//>`}`;
}

/**
 * Reads the parts again when the job changed.
 * @param {number | undefined} version
 * @param {import("../lib/reading.js").Reading[]} parts
 */
function useVersion(version, parts) {
  const before = useRef(version);
  useEffect(() => {
    if (before.current !== undefined && before.current !== version) for (const part of parts) part.refresh();
    before.current = version;
  }, [version]);
}

/** @param {any} job */
function jobFacts(job) {
  const { progress } = job, live = LIVE.includes(job.state);
  return html`
    ${job.error && html`<p class="problem"><${Text} text=${errorText(job.error)} /></p>`}
    ${progress && html`<p class="progress">
      ${progress.total > 0 && html`<progress value=${progress.current} max=${progress.total} aria-label="Progress"></progress> `}
      ${progress.current}${progress.total === null ? "" : ` of ${progress.total}`} ${progress.message ?? ""}</p>`}
    <${Facts} rows=${[
      ["state", html`<${State} state=${job.state} reason=${job.state_reason} />`],
      ["job type", html`<${TypeLink} name=${job.name} />`],
      ["queue", html`<${QueueLink} name=${job.queue} />`],
      ["attempt", `${job.attempt} of ${job.max_attempts}`],
      ["created", html`<${Ago} at=${job.created_at} />`],
      live && ["due", html`<${Ago} at=${job.run_at} />`],
      ["finished", job.finished_at && html`<${Ago} at=${job.finished_at} />`],
      ["expires", live && job.expires_at && html`<${Ago} at=${job.expires_at} />`],
      ["cancel requested", job.cancel_requested_at && html`<${Ago} at=${job.cancel_requested_at} />`],
      ["cancel reason", job.cancel_message],
      ["worker", job.worker_id && html`<${IdLink} id=${job.worker_id} page="workers" />`],
      ["flow", job.flow_id && html`<${IdLink} id=${job.flow_id} page="flows" /> ${job.flow_key ?? ""}`],
      ["fan-out", job.fan_out_id && html`<${IdLink} id=${job.fan_out_id} page="fan-outs" /> ${job.fan_out_index === null ? "follow-up" : `item ${job.fan_out_index}`}`],
      ["tags", Object.keys(job.tags).length > 0 && html`<${Tags} tags=${job.tags} />`],
    ].filter(Boolean)} />
    <details id="more-facts"><summary>Options and counters</summary><${Facts} rows=${[
      ["priority", job.priority],
      ["limit key", job.limit_key],
      ["unique key", job.unique && `${job.unique.key}, until ${job.unique.until}`],
      ["timeout", duration(job.timeout_seconds)],
      ["deadline", job.deadline_seconds && duration(job.deadline_seconds)],
      ["retention", duration(job.retention_seconds)],
      ["backoff", `${job.retry.backoff} from ${duration(job.retry.delay_seconds)} to ${duration(job.retry.max_delay_seconds)}`],
      ["failures", job.failures],
      ["interruptions", job.interruptions],
      ["crashes", job.crashes],
      ["deliveries", job.deliveries],
      ["version", job.version],
      ["created", html`<${Moment} at=${job.created_at} />`],
      ["trace", job.trace_id && html`<span class="id">${job.trace_id}</span>`],
    ]} /></details>`;
}
