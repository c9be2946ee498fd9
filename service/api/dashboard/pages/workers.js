/** Workers: the list, and one worker. */

import { path } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useReading } from "../lib/reading.js";
import { Pages, usePages } from "../ui/paging.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts } from "../ui/table.js";
import { Ago } from "../ui/time.js";
import { QueueLink, State, TypeLink } from "../ui/words.js";
import { DrainButton, weights, workerSummary, WorkerTable } from "../ui/worker_table.js";

const SECONDS = 3;

/** `send_alert` is another spelling of `send-alert`. @param {string[]} names */
function withoutSpellings(names) {
  return names.filter((name) => !name.includes("_") || !names.includes(name.replaceAll("_", "-")));
}

/** @type {import("../app/pages.js").PageView} */
export function WorkersPage({ route }) {
  const workers = usePages("workers", route, [], { seconds: SECONDS });
  return html`<${Panel} id="workers" title="Newest first" reading=${workers} foot=${html`<${Pages} ...${{ route, reading: workers }} />`}>${(/** @type {any} */ page) => html`
    <p class=${workerSummary(page.items).warning ? "warning" : null}>${workerSummary(page.items).text}</p>
    <${WorkerTable} workers=${page.items} refresh=${workers.refresh} />`}<//>`;
}

/** @type {import("../app/pages.js").PageView} */
export function WorkerPage({ route }) {
  const id = route.id ?? "";
  const worker = useReading(path`workers/${id}`);
  const actions = worker.data && html`<div class="actions"><${DrainButton} worker=${worker.data} then=${worker.refresh} /></div>`;
  return html`
    <${Panel} id="worker" title="State" name=${`worker ${id}`} reading=${worker} beside=${actions}>${(/** @type {any} */ found) => html`<${Facts} rows=${[
      ["state", html`<${State} state=${found.state === "running" ? "up" : found.state} />`],
      ["running", `${found.running} of ${found.capacity}`],
      ["host, process", `${found.host}, ${found.pid}`],
      ["version", found.version],
      ["queues and weights", weights(found)],
      ["started", html`<${Ago} at=${found.started_at} />`],
      ["last seen", html`<${Ago} at=${found.seen_at} />`],
    ]} />`}<//>
    ${!missing(worker) && html`<${Panel} id="knows" title="Serves" reading=${worker}>${(/** @type {any} */ found) => html`<${Facts} rows=${[
      ["queues", html`<span class="names">${Object.keys(found.queues).map((name) => (name === "*" ? html`<span>every other queue</span>` : html`<${QueueLink} key=${name} name=${name} />`))}</span>`],
      ["job types", html`<span class="names">${withoutSpellings(found.job_types).map((/** @type {string} */ name) => html`<${TypeLink} key=${name} name=${name} />`)}</span>`],
    ]} />`}<//>`}`;
}
