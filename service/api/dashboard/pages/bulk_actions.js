/** Bulk actions: the list, and one with its progress. */

import { path } from "../lib/api.js";
import { html } from "../lib/html.js";
import { count } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { BulkButtons, isActive, progressWords } from "../ui/bulk_progress.js";
import { Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { Facts, Table } from "../ui/table.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink, State } from "../ui/words.js";

const SECONDS = 3;

/** @param {any} action */
function filterWords(action) {
  return Object.entries(action.filter).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${[value].flat().join(", ")}`).join(", ") || "every job";
}

/** @type {import("../app/pages.js").PageView} */
export function BulkActionsPage({ route }) {
  const actions = usePages("bulk-actions", route, [], { seconds: SECONDS });
  const columns = [
    { title: "action", cell: (/** @type {any} */ action) => html`<${IdLink} id=${action.id} page="bulk-actions" text=${`${action.action} jobs`} />` },
    { title: "state", cell: (/** @type {any} */ action) => html`<${State} state=${action.state} />` },
    { title: "filter", cell: filterWords },
    { title: "progress", cell: progressWords },
    { title: "created", cell: (/** @type {any} */ action) => html`<${Ago} at=${action.created_at} />` },
    { title: "", cell: (/** @type {any} */ action) => html`<${BulkButtons} action=${action} refresh=${actions.refresh} />` },
  ];
  return html`<${Panel} id="bulk-actions" title="Newest first" reading=${actions} foot=${html`<${Pages} ...${{ route, reading: actions }} />`}>${(/** @type {any} */ page) => html`
    <${Table} caption="Bulk actions" columns=${columns} rows=${page.items} keyOf=${(/** @type {any} */ action) => action.id}
      empty="No bulk actions yet. Start one from the list of jobs or from dead letters." />`}<//>`;
}

/** @type {import("../app/pages.js").PageView} */
export function BulkActionPage({ route }) {
  const id = route.id ?? "";
  const action = useReading(path`bulk-actions/${id}`, { seconds: 1, until: (found) => !isActive(found) });
  return html`<${Panel} id="bulk-action" title="State" name=${`bulk action ${id}`} reading=${action} beside=${action.data && html`<${BulkButtons} action=${action.data} refresh=${action.refresh} />`}>${(/** @type {any} */ found) => html`
    <${Facts} rows=${[
      ["state", html`<${State} state=${found.state} />`],
      ["action", found.action],
      ["filter", filterWords(found)],
      ["progress", html`<progress value=${found.counts.succeeded + found.counts.skipped} max=${Math.max(1, found.counts.matched)} aria-label="Progress"></progress> ${progressWords(found)}`],
      ["found so far", count(found.counts.matched)],
      ["rate", found.rate_per_second === null ? "fastest" : `${found.rate_per_second} per second`],
      ["at most", found.max === null ? "no limit" : count(found.max)],
      ["created", html`<${Moment} at=${found.created_at} />`],
      ["finished", found.finished_at && html`<${Moment} at=${found.finished_at} />`],
    ]} />`}<//>`;
}
