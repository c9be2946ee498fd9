/** Workers in rows. */

import { element } from "./element.js";
import { table } from "./table.js";
import { ago, moment } from "./times.js";
import { badge } from "./words.js";

/** @param {any[]} workers */
export function workerTable(workers) {
  return table("Workers", [
    { title: "worker", cell: (worker) => element("span", { class: "id" }, worker.id) },
    { title: "state", cell: (worker) => badge(worker.state === "running" ? "up" : worker.state) },
    { title: "running", cell: (worker) => `${worker.running} of ${worker.capacity}` },
    { title: "host, process", cell: (worker) => `${worker.host}, ${worker.pid}` },
    { title: "version", cell: (worker) => worker.version },
    { title: "queues", cell: (worker) => Object.entries(worker.queues).map(([name, weight]) => `${name}=${weight}`).join(" ") },
    { title: "started", cell: (worker) => moment(worker.started_at) },
    { title: "last seen", cell: (worker) => ago(worker.seen_at) },
  ], workers, "No workers are running, so no jobs run.");
}
