/** Jobs that gave up: by cause, one by one, and running them again. */

import { path, post } from "../lib/api.js";
import { html } from "../lib/html.js";
import { address } from "../lib/route.js";
import { errorText, REASONS } from "../lib/words.js";
import { Action, ScopedButton } from "../ui/action.js";
import { FilterForm } from "../ui/filter_form.js";
import { ActOnAll, ActOnSelection } from "../ui/many_jobs.js";
import { filterOf, Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { editAndRetry } from "../ui/retry_form.js";
import { useSelection } from "../ui/selection.js";
import { Table, Text } from "../ui/table.js";
import { Ago } from "../ui/time.js";
import { IdLink, QueueLink } from "../ui/words.js";
import { Groups } from "./dead_letter_groups.js";

const FIELDS = [
  { name: "search", label: "Error, ID, name or tag contains", wide: true },
  { name: "queue", label: "Queue" },
  { name: "name", label: "Name" },
  { name: "reason", label: "Reason", choices: REASONS },
];
const SECONDS = 5;

/** @type {import("../app/pages.js").PageView} */
export function DeadLettersPage({ route }) {
  const filter = filterOf(route, [...FIELDS.map((field) => field.name), "fingerprint"]);
  const entries = usePages("dlq", route, filter, { seconds: SECONDS, concerns: (change) => change.type === "job.dead", steady: true });
  const selection = useSelection();
  const group = route.filter.get("fingerprint");
  return html`
    <${FilterForm} page="dead-letters" fields=${FIELDS} filter=${route.filter}>
      <${ActOnAll} kind="dead letters" filter=${filter} then=${entries.refresh} /><//>
    <${Groups} route=${route} then=${entries.refresh} />
    <${Panel} id="dead" title="Newest job first" reading=${entries} beside=${group && html`<span class="remark">one cause</span> <a href=${address("dead-letters", null, filter.filter(([name]) => name !== "fingerprint"))}>All causes</a>`}
      foot=${html`<${Pages} ...${{ route, reading: entries }} />`}>${(/** @type {any} */ page) => html`
      <${ActOnSelection} jobs=${page.items.map((/** @type {any} */ entry) => ({ id: entry.job_id, state: "dead" }))} ...${{ selection, then: entries.refresh }} />
      <${DeadTable} entries=${page.items} ...${{ selection, refresh: entries.refresh }} />`}<//>`;
}

/** @param {{entries: any[], selection: import("../ui/selection.js").Selection, refresh: () => Promise<void>}} properties */
function DeadTable({ entries, selection, refresh }) {
  const columns = [
    { title: "name", cell: (/** @type {any} */ entry) => html`<${IdLink} id=${entry.job_id} text=${entry.name} /> <${IdLink} id=${entry.job_id} short />` },
    { title: "error", cell: (/** @type {any} */ entry) => (entry.error === null ? html`<span class="none">none</span>` : html`<${Text} brief text=${errorText(entry.error)} />`) },
    { title: "reason", cell: (/** @type {any} */ entry) => entry.reason ?? "–" },
    { title: "queue", cell: (/** @type {any} */ entry) => html`<${QueueLink} name=${entry.queue} />` },
    { title: "failures", number: true, cell: (/** @type {any} */ entry) => entry.failures },
    { title: "crashes", number: true, zero: (/** @type {any} */ entry) => entry.crashes === 0, cell: (/** @type {any} */ entry) => entry.crashes || html`<span class="none">0</span>` },
    { title: "redriven", number: true, zero: (/** @type {any} */ entry) => entry.redriven === 0, cell: (/** @type {any} */ entry) => entry.redriven || html`<span class="none">0</span>` },
    { title: "dead since", cell: (/** @type {any} */ entry) => html`<${Ago} at=${entry.dead_at} />` },
    { title: "", cell: (/** @type {any} */ entry) => html`<${EntryButtons} ...${{ entry, refresh }} />` },
  ];
  return html`<${Table} caption="Dead letters" columns=${columns} rows=${entries} selection=${selection} empty="No dead letters match." keyOf=${(/** @type {any} */ entry) => entry.job_id} />`;
}

/** @param {{entry: any, refresh: () => Promise<void>}} properties */
function EntryButtons({ entry, refresh }) {
  const id = entry.job_id;
  return html`<span class="actions">
    <${Action} id=${`retry-${id}`} scope="dlq:write" label="Retry" name=${`Retry ${id}`} question=${`Run ${entry.name} again?`}
      detail="The job runs from the start: its failures and crashes are reset." done=${`${id} will run again.`} act=${() => post(path`dlq/${id}/retry`)} then=${refresh} />
    ${entry.payload !== null && html`<${ScopedButton} id=${`edit-${id}`} scope="jobs:write" name=${`Edit and retry ${id}`} click=${async () => (await editAndRetry({ ...entry, id })) && refresh()}>Edit …<//>`}
  </span>`;
}
