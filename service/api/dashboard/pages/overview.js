/** What is wrong, since when, and links to what to look at next. */

import { History, useHistory } from "../charts/history.js";
import { html } from "../lib/html.js";
import { count, counted } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { HEALTHY, troubles, urgency } from "../lib/trouble.js";
import { Attention } from "../ui/attention.js";
import { Panel, ReadAt } from "../ui/panel.js";
import { QueueTable } from "../ui/queue_table.js";
import { workerSummary, WorkerTable } from "../ui/worker_table.js";

/** Queues and workers that one reading has; those that need attention come first. */
const QUEUES = "50", WORKERS = "100";
/** With so few, folding healthy ones would hide more than it helps. */
const FEW = 8;
const TILES = ["running", "queued", "retrying", "scheduled", "blocked"];
const MINUTE_MS = 60_000, SECONDS_SLOW = 30;

const ofQueues = (/** @type {any} */ change) => change.type === "job.dead" || change.object === "queue";

/** @type {import("../app/pages.js").PageView} */
export function OverviewPage({ route }) {
  const queues = useReading("queues", { parameters: [["limit", QUEUES], ["order", "attention"]], concerns: ofQueues, steady: true });
  const workers = useReading("workers", { parameters: [["limit", WORKERS]] });
  const history = useHistory(route);
  const recent = new Date((Math.floor(Date.now() / MINUTE_MS) - 15) * MINUTE_MS).toISOString();
  const types = useReading("stats/job-types", { parameters: [["from", recent], ["limit", "20"]], seconds: SECONDS_SLOW, keep: true });
  const found = queues.data === null ? null : troubles({
    queues: queues.data.items, dead: queues.data.totals.dlq_depth, workers: workers.data?.items ?? [], stats: history.data, types: types.data?.items ?? [],
  });
  return html`
    <${Panel} id="totals" title="Now" reading=${queues}>${(/** @type {any} */ { totals }) => html`
      ${found && html`<${Attention} troubles=${found} />`}
      <${Tiles} totals=${totals} />`}<//>
    <${History} route=${route} reading=${history} />
    <${Panel} id="queues" title="Queues" reading=${queues} beside=${html`<a href=${address("queues")}>All queues</a>`}
      foot=${queues.data && html`<${ReadAt} reading=${queues} />`}>${(/** @type {any} */ page) => html`<${Queues} page=${page} refresh=${queues.refresh} />`}<//>
    <${Panel} id="workers" title="Workers" reading=${workers} beside=${html`<a href=${address("workers")}>All workers</a>`}
      foot=${workers.data && html`<${ReadAt} reading=${workers} />`}>${(/** @type {any} */ page) => html`<${Workers} page=${page} />`}<//>`;
}

/** @param {{totals: any}} properties */
function Tiles({ totals }) {
  return html`<div class="tiles">
    ${TILES.map((state) => html`<${Tile} key=${state} state=${state} number=${totals.counts[state]} href=${address("jobs", null, [["state", state]])} />`)}
    <${Tile} state="dead" number=${totals.dlq_depth} href=${address("dead-letters")} />
  </div>`;
}

/** @param {{state: string, number: number, href: string}} properties */
function Tile({ state, number, href }) {
  return html`<a href=${href} class=${`tile ${state}${number === 0 ? " none" : ""}`}><strong>${count(number)}</strong> ${state}</a>`;
}

/** Those in trouble; healthy ones are folded. @param {{page: any, refresh: () => Promise<void>}} properties */
function Queues({ page, refresh }) {
  const { items, totals } = page;
  if (totals.queues <= FEW) return html`<${QueueTable} queues=${items} refresh=${refresh} />`;
  const shown = items.filter((/** @type {any} */ queue) => urgency(queue) < HEALTHY).sort((/** @type {any} */ one, /** @type {any} */ other) => urgency(one) - urgency(other));
  const healthy = items.filter((/** @type {any} */ queue) => !shown.includes(queue));
  const more = totals.queues - items.length;
  return html`
    <${QueueTable} queues=${shown} refresh=${refresh} empty="No queue needs attention." />
    ${healthy.length > 0 && html`<details id="healthy"><summary>${counted(totals.queues - shown.length, "healthy queue")}</summary>
      <${QueueTable} queues=${healthy} refresh=${refresh} />
      ${more > 0 && html`<p class="quiet">${count(more)} more queues need less attention: see <a href=${address("queues")}>all queues</a>.</p>`}</details>`}`;
}

/** @param {{page: any}} properties */
function Workers({ page }) {
  const workers = page.items, odd = workers.filter((/** @type {any} */ worker) => worker.state !== "running");
  const summary = workerSummary(workers);
  const few = workers.length <= FEW;
  return html`
    <p class=${summary.warning ? "warning" : null}>${summary.text}${page.next_cursor === null ? "" : ` Only the first ${WORKERS} are counted.`}</p>
    ${few ? html`<${WorkerTable} workers=${workers} />` : odd.length > 0 && html`<${WorkerTable} workers=${odd} />`}`;
}
