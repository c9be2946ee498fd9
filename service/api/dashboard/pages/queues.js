/** All queues. */

import { html } from "../lib/html.js";
import { useReading } from "../lib/reading.js";
import { address, go } from "../lib/route.js";
import { FilterForm } from "../ui/filter_form.js";
import { filterOf, Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { QueueTable } from "../ui/queue_table.js";

const SECONDS = 3, SECONDS_SLOW = 60, HOUR_MS = 3_600_000, ROUND_MS = 600_000;
const BY_ATTENTION = "those that need attention first";

/** @type {import("../app/pages.js").PageView} */
export function QueuesPage({ route }) {
  const byName = route.filter.get("order") === "name" || route.filter.has("cursor");
  const filter = /** @type {[string, string][]} */ (byName ? [["order", "name"]] : [["order", "attention"], ["limit", "200"]]);
  const queues = usePages("queues", route, filter, { seconds: SECONDS, concerns: (change) => change.object === "queue", steady: true });
  const from = new Date((Math.floor(Date.now() / ROUND_MS)) * ROUND_MS - HOUR_MS).toISOString();
  const history = useReading("stats/queues", { parameters: [["from", from], ["limit", "200"]], seconds: SECONDS_SLOW, keep: true });
  const trends = new Map((history.data?.items ?? []).map((/** @type {any} */ row) => [row.name, row]));
  const [name] = filterOf(route, ["name"]).map(([, value]) => value.toLowerCase());
  const choose = (/** @type {any} */ event) => go(address("queues", null, [["order", event.target.value]]));
  return html`
    <${FilterForm} page="queues" fields=${[{ name: "name", label: "Name contains" }]} filter=${route.filter}>
      <label class="inline">Order <select value=${byName ? "name" : "attention"} onChange=${choose}>
        <option value="attention">${BY_ATTENTION}</option><option value="name">by name</option></select></label><//>
    <${Panel} id="queues" title="Queues" reading=${queues} foot=${html`<${Pages} ...${{ route, reading: queues }} />`}>${(/** @type {any} */ page) => html`
      <${QueueTable} queues=${name ? page.items.filter((/** @type {any} */ queue) => queue.name.toLowerCase().includes(name)) : page.items}
        refresh=${queues.refresh} trends=${trends} empty=${name ? "No queue of this page matches." : "No queues yet."} />
      ${!byName && page.totals.queues > page.items.length && html`<p class="quiet">The first ${page.items.length} of ${page.totals.queues} queues. Order by name to page through all of them.</p>`}`}<//>`;
}
