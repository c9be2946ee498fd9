/** What is there now: queues, workers, and what does not move. */

import { read } from "./api.js";
import { element } from "./element.js";
import { keepFresh } from "./freshness.js";
import { Panel } from "./panel.js";
import { queueTable } from "./queue_table.js";
import { moment } from "./times.js";
import { address } from "./route.js";
import { troubleBanner } from "./trouble.js";
import { count } from "./words.js";
import { workerTable } from "./worker_table.js";

/** With more queues or workers the panel says so. */
const SHOWN = "200";
const TILES = ["running", "queued", "retrying", "scheduled", "blocked"];

/** @type {import("./main.js").View} */
export function showOverview(main, _route, left) {
  const totals = new Panel("totals", "Jobs"), queues = new Panel("queues", "Queues"), workers = new Panel("workers", "Workers");
  main.append(totals.element, queues.element, workers.element);

  // The banner is made of both, and each is read by itself.
  /** @type {{totals: any, queues: any[], workers: any[]}} */
  const known = { totals: null, queues: [], workers: [] };
  const readQueues = async () => {
    const page = await read("queues", { parameters: [["limit", SHOWN], ["order", "attention"]], signal: left });
    [known.totals, known.queues] = [page.totals, page.items];
    showTotals();
    const more = page.totals.queues - page.items.length;
    queues.show(queueTable(page.items, readQueues), readAt(more > 0 ? `${count(more)} more queues need less attention. ` : ""));
  };
  const showTotals = () => totals.show(...totalTiles(known));
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
    known.workers = page.items;
    if (totals.filled) showTotals();
    workers.show(workerSummary(page.items), workerTable(page.items), readAt(page.next_cursor === null ? "" : `Only the first ${SHOWN} are shown and counted. `));
  });
}

/** @param {string} more */
function readAt(more) {
  return element("p", { class: "foot" }, element("span", {}, more, "Read at ", moment(new Date().toISOString())));
}

/**
 * @param {{totals: any, queues: any[], workers: any[]}} known totals of all queues, those that need attention first
 */
function totalTiles({ totals, queues, workers }) {
  const tiles = TILES.map((state) => tile(state, totals.counts[state], address("jobs", null, [["state", state]])));
  return [
    element("div", { class: "tiles" }, tiles, tile("dead", totals.dlq_depth, address("dead-letters"))),
    troubleBanner(queues, totals.dlq_depth, workers),
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
    lost.length > 0 && ` (last seen with ${held} jobs, which will run again elsewhere)`, ".",
  );
}
