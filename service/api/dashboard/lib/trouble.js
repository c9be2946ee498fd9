/** What a person should look at now, the worst first, and since when. */

import { duration } from "./times.js";
import { list } from "./words.js";

/** Seconds that the oldest job may wait before its age is pointed out. */
const LONG = 300;
/** When a job type fails in a way worth naming. */
const SHARE = 0.2, FAILURES = 5;

/** The urgency of a queue that needs no attention. */
export const HEALTHY = 3;

/** @typedef {{text: string, trouble: boolean}} Remark */
/** @typedef {{key: string, bad: boolean, title: string, since: string | null, queues?: {queue: any, why: string}[], workers?: any[], held?: number, dead?: any[], grown?: number | null, types?: any[]}} Trouble */

/**
 * What is worth knowing of a queue. It is in trouble when jobs wait that need help: a queue that is full of
 * work, or paused without any, is as it should be.
 * @param {any} queue
 * @returns {Remark[]}
 */
export function remarks(queue) {
  const waiting = queue.counts.queued > 0, unserved = queue.unserved_job_types;
  /** @type {[string | false, boolean][]} */
  const found = [
    [waiting && queue.workers === 0 && "no worker", true],
    [queue.workers > 0 && unserved.length > 0 && `no worker for ${list(unserved)}`, true],
    [queue.paused && "paused", waiting],
    [queue.paused_job_types.length > 0 && `paused types: ${list(queue.paused_job_types)}`, waiting],
    [queue.oldest_queued_seconds > LONG && `oldest job has waited ${duration(queue.oldest_queued_seconds)}`, true],
    [queue.freezes.length > 0 && "rate limited", false],
    [queue.max_concurrency !== null && queue.counts.running >= queue.max_concurrency && "at its limit", false],
  ];
  return found.flatMap(([text, trouble]) => (text === false ? [] : [{ text, trouble }]));
}

/** @param {any} queue */
export function inTrouble(queue) {
  return remarks(queue).some((remark) => remark.trouble);
}

/** For sorting: the worst first. @param {any} queue */
export function urgency(queue) {
  return unrunnable(queue) ? 0 : inTrouble(queue) ? 1 : queue.dlq_depth > 0 ? 2 : HEALTHY;
}

/** No worker runs its jobs, or some of them. @param {any} queue */
function unrunnable(queue) {
  return queue.counts.queued > 0 && (queue.workers === 0 || queue.unserved_job_types.length > 0);
}

/**
 * @param {{queues: any[], dead: number, workers: any[], stats: any, types: any[]}} known
 *   `stats` of the namespace, or null; `types`: the recent history of job types
 * @returns {Trouble[]}
 */
export function troubles({ queues, dead, workers, stats, types }) {
  const stuck = queues.filter(inTrouble).map((queue) => ({
    queue, why: remarks(queue).filter((remark) => remark.trouble).map((remark) => remark.text).join("; "),
  }));
  const [helpless, slow] = [stuck.filter(({ queue }) => unrunnable(queue)), stuck.filter(({ queue }) => !unrunnable(queue))];
  const lost = workers.filter((worker) => worker.state === "lost");
  const failing = types.filter((type) => type.failed >= FAILURES && type.failed / (type.failed + type.succeeded) >= SHARE);
  const dying = stats === null ? [] : stats.dead;
  const grown = stats === null ? null : sum(lastHour(stats, dying), sinceLastStep(stats, dead));
  /** @type {(Trouble | false)[]} */
  const found = [
    helpless.length > 0 && { key: "unrunnable", bad: true, title: "Jobs that no worker can run", since: oldest(helpless), queues: helpless },
    lost.length > 0 && {
      key: "lost", bad: true, title: `Lost workers: ${lost.length}`, since: lost.map((worker) => worker.seen_at).sort()[0],
      workers: lost, held: lost.reduce((total, worker) => total + worker.running, 0),
    },
    dead > 0 && {
      key: "dead", bad: (grown ?? 0) > 0, title: `Dead letters: ${dead}`, since: burningSince(stats, dying), grown,
      dead: queues.filter((queue) => queue.dlq_depth > 0).sort((one, other) => other.dlq_depth - one.dlq_depth),
    },
    failing.length > 0 && { key: "failing", bad: true, title: "Failing job types", since: burningSince(stats, stats?.failed ?? []), types: failing },
    slow.length > 0 && { key: "slow", bad: false, title: "Queues that need attention", since: oldest(slow), queues: slow },
  ];
  // An old grave is no fire: what still burns comes first.
  return found.filter((one) => one !== false).sort((one, other) => Number(other.bad) - Number(one.bad));
}

/** Since when the oldest job of these queues waits. @param {{queue: any}[]} stuck */
function oldest(stuck) {
  const seconds = Math.max(0, ...stuck.map(({ queue }) => queue.oldest_queued_seconds ?? 0));
  return seconds === 0 ? null : new Date(Date.now() - seconds * 1000).toISOString();
}

/** @param {number | null} one @param {number} other */
function sum(one, other) {
  return one === null && other === 0 ? null : (one ?? 0) + other;
}

/** How many died after the last step of the history, which is up to a minute old. @param {any} stats @param {number} dead */
function sinceLastStep(stats, dead) {
  const last = stats.depth?.dead?.findLast((/** @type {number | null} */ value) => value !== null);
  return last === undefined ? 0 : Math.max(0, dead - last);
}

/** null: unknown. @param {any} stats @param {(number | null)[]} values @returns {number | null} */
function lastHour(stats, values) {
  const recent = values.slice(-Math.ceil(3600 / stats.step_seconds));
  if (recent.every((value) => value === null)) return null;
  return recent.reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);
}

/**
 * The begin of the present run of steps with failures; two quiet steps are a pause, more of them an end.
 * @param {any} stats
 * @param {(number | null)[]} values
 * @returns {string | null}
 */
export function burningSince(stats, values) {
  if (stats === null) return null;
  let begin = -1, quiet = 0;
  for (let at = values.length - 1; at >= 0 && quiet <= 3; at -= 1) {
    if ((values[at] ?? 0) > 0) [begin, quiet] = [at, 0];
    else quiet += 1;
  }
  const at = new Date(stats.from).getTime() + begin * stats.step_seconds * 1000;
  return begin === -1 || Number.isNaN(at) ? null : new Date(at).toISOString();
}

