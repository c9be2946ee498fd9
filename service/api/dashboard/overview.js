/** What is there now: queues, workers, and what does not move. */

import { read } from "./api.js";
import { element } from "./element.js";
import { keepFresh } from "./freshness.js";
import { Panel } from "./panel.js";
import { queueTable, troubles } from "./queue_table.js";
import { moment } from "./times.js";
import { address } from "./route.js";
import { count } from "./words.js";
import { workerTable } from "./worker_table.js";

/** With more queues or workers the panel says so. */
const SHOWN = "200";
const TILES = ["running", "queued", "retrying", "scheduled", "blocked"];

/** @type {import("./main.js").View} */
export function showOverview(main, _route, left) {
  const totals = new Panel("totals", "Jobs"), queues = new Panel("queues", "Queues"), workers = new Panel("workers", "Workers");
  main.append(totals.element, queues.element, workers.element);

  const readQueues = async () => {
    const page = await read("queues", { parameters: [["limit", SHOWN], ["order", "attention"]], signal: left });
    totals.show(...totalTiles(page.totals, page.items));
    const more = page.totals.queues - page.items.length;
    queues.show(queueTable(page.items, readQueues), readAt(more > 0 ? `${count(more)} more queues need less attention. ` : ""));
  };
  keepFresh(left, queues, async () => {
    try {
      await readQueues();
    } catch (error) {
      if (!left.aborted) totals.fail(error);
      throw error;
    }
  });
  keepFresh(left, workers, async () => {
    const page = await read("workers", { parameters: [["limit", SHOWN]], signal: left });
    workers.show(workerSummary(page.items), workerTable(page.items), readAt(page.next_cursor === null ? "" : `Only the first ${SHOWN} are shown and counted. `));
  });
}

/** @param {string} more */
function readAt(more) {
  return element("p", { class: "foot" }, element("span", {}, more, "Read at ", moment(new Date().toISOString())));
}

/**
 * @param {any} totals of all queues
 * @param {any[]} queues those that need attention first
 */
function totalTiles(totals, queues) {
  const tiles = TILES.map((state) => tile(state, totals.counts[state], address("jobs", null, [["state", state]])));
  const stuck = queues.filter((queue) => troubles(queue).length > 0);
  const names = stuck.slice(0, 10).map((queue) => queue.name).join(", ");
  return [
    element("div", { class: "tiles" }, tiles, tile("dead", totals.dlq_depth, address("dead-letters"))),
    stuck.length > 0 && element("p", { class: "warning" }, `Queues that need a look: ${names}${stuck.length > 10 ? " …" : ""}`),
  ];
}

/**
 * @param {string} state
 * @param {number} number
 * @param {string} href
 */
function tile(state, number, href) {
  return element("a", { href, class: `tile ${state}${number === 0 ? " none" : ""}` }, element("strong", {}, count(number)), ` ${state}`);
}

/** @param {any[]} workers */
function workerSummary(workers) {
  const of = (/** @type {string} */ state) => workers.filter((worker) => worker.state === state);
  const active = of("running"), lost = of("lost");
  const running = active.reduce((total, worker) => total + worker.running, 0);
  const capacity = active.reduce((total, worker) => total + worker.capacity, 0);
  const held = lost.reduce((total, worker) => total + worker.running, 0);
  return element(
    "p", { class: lost.length > 0 || active.length === 0 ? "warning" : "" },
    `${active.length} running with ${running} of ${capacity} slots in use, ${of("draining").length} draining, ${lost.length} lost`,
    lost.length > 0 && ` (last seen with ${held} jobs: those run again elsewhere)`, ".",
  );
}
