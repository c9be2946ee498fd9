/** What somebody should look at now: waiting jobs that nobody runs, dead letters, workers that are gone. */

import { element } from "./element.js";
import { remarks } from "./queue_table.js";
import { address } from "./route.js";
import { count, queueLink } from "./words.js";

/** Queues that are named; the table below has all. */
const NAMED = 10;

/**
 * @param {any[]} queues
 * @param {number} dead in all queues
 * @param {any[]} workers
 */
export function troubleBanner(queues, dead, workers) {
  const lines = [...queueLines(queues), ...deadLines(queues, dead), ...workerLines(workers)];
  return lines.length > 0 && element("ul", { class: "warning", "aria-label": "Needs attention" }, lines.map((line) => element("li", {}, line)));
}

/** @param {any[]} queues */
function queueLines(queues) {
  const stuck = queues.flatMap((queue) => {
    const why = remarks(queue).filter((remark) => remark.trouble).map((remark) => remark.text);
    return why.length === 0 ? [] : [{ queue, why: why.join("; ") }];
  });
  if (stuck.length === 0) return [];
  return [["Queues that need attention: ", named(stuck, ({ queue, why }) => [queueLink(queue.name), ` (${why})`])]];
}

/**
 * @param {any[]} queues
 * @param {number} dead
 */
function deadLines(queues, dead) {
  if (dead === 0) return [];
  const of = queues.filter((queue) => queue.dlq_depth > 0).sort((one, other) => other.dlq_depth - one.dlq_depth);
  const link = (/** @type {any} */ queue) => [
    element("a", { href: address("dead-letters", null, [["queue", queue.name]]) }, queue.name), ` (${count(queue.dlq_depth)})`,
  ];
  return [[element("a", { href: address("dead-letters") }, `Dead letters: ${count(dead)}`), of.length > 0 && " in ", named(of, link)]];
}

/** @param {any[]} workers */
function workerLines(workers) {
  const lost = workers.filter((worker) => worker.state === "lost");
  if (lost.length === 0) return [];
  const held = lost.reduce((total, worker) => total + worker.running, 0);
  return [[
    `Lost workers: ${count(lost.length)}`, held > 0 && `, last seen with ${count(held)} jobs, which will run again elsewhere`, ": ",
    named(lost, (worker) => [element("span", { class: "id" }, worker.id), ` on ${worker.host}`]),
  ]];
}

/**
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => import("./element.js").Child[]} words
 */
function named(items, words) {
  const first = items.slice(0, NAMED).flatMap((item, index) => [index > 0 && ", ", ...words(item)]);
  return element("span", {}, first, items.length > NAMED && ` and ${items.length - NAMED} more`);
}
