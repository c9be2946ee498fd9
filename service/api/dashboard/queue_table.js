/** Queues in rows: depth, age, limits, and what keeps them from moving. */

import { path, post } from "./api.js";
import { actionButton } from "./action.js";
import { element } from "./element.js";
import { table } from "./table.js";
import { duration } from "./times.js";
import { address } from "./route.js";
import { count, queueLink } from "./words.js";

/** Seconds that the oldest job may wait before its age is pointed out. */
const LONG = 300;
/** Names that are spelt out. */
const FEW = 3;

/** @typedef {{text: string, trouble: boolean}} Remark */

/**
 * What is worth knowing of a queue. It is in trouble when jobs wait that somebody must help: a queue that is full of
 * work, or paused without any, is as it should be.
 * @param {any} queue
 * @returns {Remark[]}
 */
export function remarks(queue) {
  const waiting = queue.counts.queued > 0, unserved = queue.unserved_job_types;
  /** @type {[string | false, boolean][]} */
  const found = [
    [queue.paused && "paused", waiting],
    [queue.paused_job_types.length > 0 && `paused types: ${list(queue.paused_job_types)}`, waiting],
    [waiting && queue.workers === 0 && "no worker", true],
    [queue.workers > 0 && unserved.length > 0 && `no worker for ${list(unserved)}`, true],
    [queue.oldest_queued_seconds > LONG && `oldest job has waited ${duration(queue.oldest_queued_seconds)}`, true],
    [queue.freezes.length > 0 && "rate limited", false],
    [queue.max_concurrency !== null && queue.counts.running >= queue.max_concurrency && "at its limit", false],
  ];
  return found.flatMap(([text, trouble]) => (text === false ? [] : [{ text, trouble }]));
}

/** @param {string[]} names */
function list(names) {
  return names.slice(0, FEW).join(", ") + (names.length > FEW ? ` and ${names.length - FEW} more` : "");
}

/**
 * @param {any[]} queues
 * @param {() => Promise<void>} again
 */
export function queueTable(queues, again) {
  const state = (/** @type {string} */ name) => ({
    title: name,
    number: true,
    cell: (/** @type {any} */ queue) => linked(queue.counts[name], address("jobs", null, [["queue", queue.name], ["state", name]])),
  });
  return table("Queues", [
    { title: "queue", cell: (queue) => [queueLink(queue.name), ...remarks(queue).map(({ text, trouble }) => element("span", { class: trouble ? "trouble" : "remark" }, text))] },
    ...["queued", "running", "scheduled", "retrying", "blocked"].map(state),
    { title: "dead", number: true, cell: (queue) => linked(queue.dlq_depth, address("dead-letters", null, [["queue", queue.name]])) },
    { title: "oldest", number: true, cell: (queue) => duration(queue.oldest_queued_seconds) },
    { title: "in / out / failed per s", cell: (queue) => [queue.enqueued_per_second, queue.finished_per_second, queue.failed_per_second].map(rate).join(" / ") },
    { title: "workers, slots", number: true, cell: (queue) => `${queue.workers}, ${queue.capacity}` },
    { title: "limits", cell: limits },
    { title: "", cell: (queue) => pauseButton(queue, again) },
  ], queues, "No queues yet.");
}

/**
 * Nothing is nowhere to go.
 * @param {number} number
 * @param {string} href
 */
function linked(number, href) {
  return number === 0 ? element("span", { class: "none" }, "0") : element("a", { href }, count(number));
}

/** @param {any} queue */
function limits(queue) {
  return [
    queue.max_concurrency !== null && `${queue.counts.running} of ${queue.max_concurrency} running`,
    queue.rate_limit !== null && rateLimit(queue.rate_limit),
    queue.max_depth !== null && `depth ${queue.max_depth}`,
  ].filter(Boolean).join(", ") || "–";
}

/** @param {{limit: number, per_seconds: number, smooth: boolean}} limit */
export function rateLimit(limit) {
  return `${limit.limit} per ${duration(limit.per_seconds)}${limit.smooth ? ", smooth" : ""}`;
}

/** @param {number} number */
function rate(number) {
  return number < 10 ? String(Math.round(number * 10) / 10) : String(Math.round(number));
}

/**
 * @param {any} queue
 * @param {() => Promise<void>} again
 */
export function pauseButton(queue, again) {
  const label = queue.paused ? "Resume" : "Pause";
  return actionButton({
    id: `pause-${queue.name}`,
    label,
    name: `${label} queue ${queue.name}`,
    question: `${label} queue ${queue.name}?`,
    detail: queue.paused ? "Its jobs start again, in order." : "No job of the queue starts until you resume it; running jobs continue.",
    told: `Queue ${queue.name} is ${queue.paused ? "resumed" : "paused"}.`,
    act: () => post(queue.paused ? path`queues/${queue.name}/resume` : path`queues/${queue.name}/pause`),
    then: again,
  });
}
