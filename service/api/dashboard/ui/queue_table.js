/** Queues in rows: depth, age, limits, and what keeps them from moving. */

import { path, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { rate } from "../lib/numbers.js";
import { address } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { remarks } from "../lib/trouble.js";
import { rateLimit } from "../lib/words.js";
import { Action } from "./action.js";
import { Spark } from "../charts/spark.js";
import { Table } from "./table.js";
import { Linked, QueueLink } from "./words.js";

/** @typedef {import("../lib/reading.js").Reading["refresh"]} Refresh */

/**
 * @param {{queues: any[], refresh: Refresh, trends?: Map<string, any>, empty?: string}} properties
 *   `trends`: the last hour by queue
 */
export function QueueTable({ queues, refresh, trends = new Map(), empty = "No queues yet." }) {
  const state = (/** @type {string} */ name) => ({
    title: name, number: true, always: name === "queued" || name === "running", zero: (/** @type {any} */ queue) => queue.counts[name] === 0,
    cell: (/** @type {any} */ queue) => html`<${Linked} number=${queue.counts[name]} href=${address("jobs", null, [["queue", queue.name], ["state", name]])} />`,
  });
  const columns = [
    { title: "queue", cell: (/** @type {any} */ queue) => html`<${QueueLink} name=${queue.name} /><${Remarks} queue=${queue} />${limits(queue) && html`<div class="quiet">${limits(queue)}</div>`}` },
    ...["queued", "running", "scheduled", "retrying", "blocked"].map(state),
    {
      title: "dead", number: true, zero: (/** @type {any} */ queue) => queue.dlq_depth === 0,
      cell: (/** @type {any} */ queue) => html`<${Linked} number=${queue.dlq_depth} href=${address("dead-letters", null, [["queue", queue.name]])} />`,
    },
    { title: "oldest", number: true, zero: (/** @type {any} */ queue) => queue.oldest_queued_seconds === null, cell: (/** @type {any} */ queue) => duration(queue.oldest_queued_seconds) },
    {
      title: "in / out / failed per s", wide: true, zero: idle,
      cell: (/** @type {any} */ queue) => html`<span class="together"><${Rates} queue=${queue} /></span>`,
    },
    ...(trends.size > 0 ? [{ title: "last hour", wide: true, zero: (/** @type {any} */ queue) => !trends.has(queue.name), cell: (/** @type {any} */ queue) => html`<${Trend} row=${trends.get(queue.name)} />` }] : []),
    { title: "workers, slots", number: true, wide: true, cell: (/** @type {any} */ queue) => `${queue.workers}, ${queue.capacity}` },
    { title: "", cell: (/** @type {any} */ queue) => html`<${PauseButton} queue=${queue} refresh=${refresh} />` },
  ];
  return html`<${Table} caption="Queues" columns=${columns} rows=${queues} empty=${empty} keyOf=${(/** @type {any} */ queue) => queue.name} />`;
}

/** @param {{queue: any}} properties */
export function Remarks({ queue }) {
  return remarks(queue).map(({ text, trouble }) => html`<span key=${text} class=${trouble ? "trouble" : "remark"}>${text}</span>`);
}

/** @param {any} queue */
function idle(queue) {
  return queue.enqueued_per_second + queue.finished_per_second + queue.failed_per_second === 0;
}

/** @param {{queue: any}} properties */
function Rates({ queue }) {
  if (idle(queue)) return html`<span class="none">–</span>`;
  return [queue.enqueued_per_second, queue.finished_per_second, queue.failed_per_second].map(rate).join(" / ");
}

/** @param {{row: any}} properties of /v1/stats/queues or /v1/stats/job-types */
export function Trend({ row }) {
  if (row === undefined) return html`<span class="none">–</span>`;
  const bad = row.trend.failed.map((/** @type {number | null} */ value, /** @type {number} */ index) => (value ?? 0) + (row.trend.dead[index] ?? 0));
  return html`<${Spark} values=${row.trend.succeeded} bad=${bad} title=${`${row.succeeded} succeeded, ${row.failed} failed attempts, ${row.dead} dead`} />`;
}

/** @param {any} queue */
export function limits(queue) {
  return [
    queue.max_concurrency !== null && `${queue.counts.running} of ${queue.max_concurrency} running`,
    queue.rate_limit !== null && rateLimit(queue.rate_limit),
    queue.max_depth !== null && `depth ${queue.max_depth}`,
  ].filter(Boolean).join(", ");
}

/** @param {{queue: any, refresh: Refresh}} properties */
export function PauseButton({ queue, refresh }) {
  const label = queue.paused ? "Resume" : "Pause";
  return html`<${Action} id=${`pause-${queue.name}`} scope="queues:admin" label=${label} name=${`${label} queue ${queue.name}`}
    question=${`${label} queue ${queue.name}?`}
    detail=${queue.paused ? "Its jobs start again, in order." : "No job of the queue starts until you resume it; running jobs continue."}
    done=${`Queue ${queue.name} is ${queue.paused ? "resumed" : "paused"}.`}
    act=${() => post(queue.paused ? path`queues/${queue.name}/resume` : path`queues/${queue.name}/pause`)} then=${refresh} />`;
}
