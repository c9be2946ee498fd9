/** Workers in rows. */

import { path, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { Action } from "./action.js";
import { Table } from "./table.js";
import { Ago } from "./time.js";
import { IdLink, State } from "./words.js";

/** @param {{workers: any[], refresh?: () => Promise<void>}} properties with `refresh`, rows have actions */
export function WorkerTable({ workers, refresh }) {
  const columns = [
    { title: "worker", cell: (/** @type {any} */ worker) => html`<${IdLink} id=${worker.id} page="workers" short />` },
    { title: "state", cell: (/** @type {any} */ worker) => html`<${State} state=${worker.state === "running" ? "up" : worker.state} />` },
    { title: "running", cell: (/** @type {any} */ worker) => html`<${Load} worker=${worker} />` },
    { title: "host, process", cell: (/** @type {any} */ worker) => `${worker.host}, ${worker.pid}` },
    { title: "version", cell: (/** @type {any} */ worker) => worker.version },
    { title: "queues", wide: true, cell: (/** @type {any} */ worker) => weights(worker) },
    { title: "started", cell: (/** @type {any} */ worker) => html`<${Ago} at=${worker.started_at} />` },
    { title: "last seen", cell: (/** @type {any} */ worker) => html`<${Ago} at=${worker.seen_at} />` },
    ...(refresh ? [{ title: "", cell: (/** @type {any} */ worker) => html`<${DrainButton} worker=${worker} then=${refresh} />` }] : []),
  ];
  return html`<${Table} caption="Workers" columns=${columns} rows=${workers} empty="No workers are running, so no jobs run." keyOf=${(/** @type {any} */ worker) => worker.id} />`;
}

/** @param {any} worker */
export function weights(worker) {
  return Object.entries(worker.queues).map(([name, weight]) => `${name}=${weight}`).join(" ");
}

/** @param {{worker: any}} properties */
function Load({ worker }) {
  return html`<meter min="0" max=${worker.capacity} value=${worker.running} aria-label="Slots in use"></meter> ${worker.running} of ${worker.capacity}`;
}

/** @param {{worker: any, then: () => Promise<void>}} properties */
export function DrainButton({ worker, then }) {
  if (worker.state !== "running") return null;
  return html`<${Action} id=${`drain-${worker.id}`} scope="workers:admin" label="Drain" name=${`Drain ${worker.id}`} danger question=${`Drain worker ${worker.id}?`}
    detail="It claims no more jobs, finishes running ones or hands them back, and exits. Its supervisor may start it again."
    done="The worker drains." act=${() => post(path`workers/${worker.id}/drain`)} then=${then} />`;
}

/** @param {any[]} workers */
export function workerSummary(workers) {
  const of = (/** @type {string} */ state) => workers.filter((worker) => worker.state === state);
  const active = of("running"), lost = of("lost");
  const sum = (/** @type {any[]} */ some, /** @type {string} */ field) => some.reduce((total, worker) => total + worker[field], 0);
  const held = lost.length > 0 ? ` (last seen with ${sum(lost, "running")} jobs, which will run again elsewhere)` : "";
  return {
    warning: lost.length > 0 || active.length === 0,
    text: `${active.length} running with ${sum(active, "running")} of ${sum(active, "capacity")} slots in use, `
      + `${of("draining").length} draining, ${lost.length} lost${held}.`,
  };
}
