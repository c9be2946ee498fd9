/** The list of jobs with its filters, and acting on many. */

import { html } from "../lib/html.js";
import { ScopedButton } from "../ui/action.js";
import { FilterForm } from "../ui/filter_form.js";
import { JobTable } from "../ui/job_table.js";
import { ActOnAll, ActOnSelection } from "../ui/many_jobs.js";
import { filterOf, Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { useSelection } from "../ui/selection.js";
import { IdLink } from "../ui/words.js";
import { STATES } from "../lib/words.js";
import { submitJob } from "../ui/submit_form.js";

const FIELDS = [
  { name: "search", label: "ID, name, tag or error contains", wide: true },
  { name: "queue", label: "Queue" },
  { name: "state", label: "State", choices: STATES },
  { name: "name", label: "Name" },
  { name: "tag", label: "Tags, one per line", hint: "key:value", repeated: true },
  { name: "created_after", label: "Created after", hint: "2026-11-27T09:00:00Z" },
  { name: "created_before", label: "Created before", hint: "2026-11-27T10:00:00Z" },
];
/** A search reads up to 50,000 jobs, so it is not repeated for every event. */
const SECONDS_SEARCHING = 60;
/** Filters of other pages. */
const GROUPS = ["flow_id", "fan_out_id"];
const PAGES = { flow_id: "flows", fan_out_id: "fan-outs" };

/** @type {import("../app/pages.js").PageView} */
export function JobsPage({ route }) {
  const filter = filterOf(route, [...FIELDS.map((field) => field.name), ...GROUPS]);
  const searching = filter.some(([name]) => name === "search");
  const jobs = usePages("jobs", route, filter, searching ? { seconds: SECONDS_SEARCHING } : { concerns: (change) => concerned(change, filter) });
  const selection = useSelection();
  const groups = filter.filter(([name]) => GROUPS.includes(name));
  return html`
    <${FilterForm} page="jobs" fields=${FIELDS} filter=${route.filter}>
      <${ActOnAll} kind="jobs" filter=${filter} then=${jobs.refresh} />
      <${ScopedButton} id="submit-job" scope="jobs:write" click=${() => submitJob({ queue: route.filter.get("queue") ?? undefined, name: route.filter.get("name") ?? undefined })}>Submit a job<//><//>
    ${groups.map(([name, id]) => html`<p key=${name}>Only jobs of ${name.slice(0, -3)} <${IdLink} id=${id} page=${PAGES[/** @type {"flow_id" | "fan_out_id"} */ (name)]} /></p>`)}
    <${Panel} id="jobs" title="Newest first" reading=${jobs} foot=${html`<${Pages} ...${{ route, reading: jobs }} />`}>${(/** @type {any} */ page) => html`
      <${ActOnSelection} jobs=${page.items} ...${{ selection, then: jobs.refresh }} />
      <${JobTable} jobs=${page.items} selection=${selection} more=${page.next_cursor !== null} />`}<//>`;
}

/**
 * Whether an event may change the list.
 * @param {import("../lib/live.js").Change} change
 * @param {[string, string][]} filter
 */
function concerned(change, filter) {
  if (change.object !== "job") return false;
  return filter.every(([name, value]) => {
    if (name === "queue") return change.queue === value;
    if (name === "name") return change.name === value;
    if (name === "flow_id" || name === "fan_out_id") return change.group_id === value;
    return true;
  });
}
