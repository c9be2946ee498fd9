/** The list of jobs with its filters. */

import { element } from "./element.js";
import { filterForm } from "./filter_form.js";
import { showPages } from "./paging.js";
import { Panel } from "./panel.js";
import { table } from "./table.js";
import { moment } from "./times.js";
import { badge, jobLink, queueLink, STATES, tagList } from "./words.js";

const FIELDS = [
  { name: "queue", label: "Queue" },
  { name: "state", label: "State", choices: STATES },
  { name: "name", label: "Name" },
  { name: "tag", label: "Tags, one per line", hint: "key:value", repeated: true },
];
/** What other pages filter by. */
const GROUPS = ["flow_id", "fan_out_id"];

/** @type {import("./main.js").View} */
export function showJobs(main, route, left) {
  const jobs = new Panel("jobs", "Newest first");
  const filter = [...FIELDS.map((field) => field.name), ...GROUPS].flatMap((name) => (
    route.filter.getAll(name).map((value) => /** @type {[string, string]} */ ([name, value]))
  ));
  const group = filter.filter(([name]) => GROUPS.includes(name)).map(([name, value]) => element("p", {}, `Only jobs of ${name.slice(0, -3)} `, element("span", { class: "id" }, value)));
  main.append(filterForm("jobs", FIELDS, route.filter), ...group, jobs.element);
  showPages(jobs, left, "jobs", filter, jobTable);
}

/** @param {any[]} jobs */
export function jobTable(jobs) {
  return table("Jobs", [
    { title: "job", cell: (job) => jobLink(job.id) },
    { title: "name", cell: (job) => job.name },
    { title: "queue", cell: (job) => queueLink(job.queue) },
    { title: "state", cell: (job) => [badge(job.state), job.state_reason && ` ${job.state_reason}`] },
    { title: "attempt", number: true, cell: (job) => `${job.attempt} of ${job.max_attempts}` },
    { title: "error", cell: (job) => job.error === null ? "–" : element("span", { class: "brief" }, `${job.error.type}: ${job.error.message}`) },
    { title: "tags", cell: (job) => tagList(job.tags) },
    { title: "created", cell: (job) => moment(job.created_at) },
  ], jobs, "No jobs match.");
}
