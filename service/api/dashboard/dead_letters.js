/** Jobs that gave up, and running them again, one or many. */

import { actionButton } from "./action.js";
import { path, post } from "./api.js";
import { retryMany } from "./bulk_retry.js";
import { element } from "./element.js";
import { filterForm } from "./filter_form.js";
import { showPages } from "./paging.js";
import { Panel } from "./panel.js";
import { table } from "./table.js";
import { moment } from "./times.js";
import { jobLink, queueLink, REASONS } from "./words.js";

const FIELDS = [
  { name: "queue", label: "Queue" },
  { name: "name", label: "Name" },
  { name: "reason", label: "Reason", choices: REASONS },
];

/** @type {import("./main.js").View} */
export function showDeadLetters(main, route, left) {
  const entries = new Panel("dead", "Newest job first");
  const filter = FIELDS.flatMap(({ name }) => {
    const value = route.filter.get(name);
    return value ? [/** @type {[string, string]} */ ([name, value])] : [];
  });
  const progress = element("div", { id: "bulk", "aria-live": "polite" });
  const all = element("button", {
    type: "button", id: "retry-all", disabled: filter.length === 0,
    click: () => retryMany(Object.fromEntries(filter), progress, left, () => again()),
  }, "Retry all matching …");
  const hint = filter.length === 0 && element("p", { class: "empty" }, "Set a filter to retry many at once.");
  main.append(filterForm("dead-letters", FIELDS, route.filter, all), ...(hint ? [hint] : []), progress, entries.element);
  const again = showPages(entries, left, "dlq", filter, deadTable);
}

/**
 * @param {any[]} entries
 * @param {() => Promise<void>} again
 */
function deadTable(entries, again) {
  return table("Dead letters", [
    { title: "job", cell: (entry) => jobLink(entry.job_id) },
    { title: "name", cell: (entry) => entry.name },
    { title: "queue", cell: (entry) => queueLink(entry.queue) },
    { title: "reason", cell: (entry) => entry.reason ?? "–" },
    { title: "error", cell: (entry) => entry.error === null ? "–" : element("span", { class: "brief" }, `${entry.error.type}: ${entry.error.message}`) },
    { title: "failures, crashes, redriven", cell: (entry) => `${entry.failures}, ${entry.crashes}, ${entry.redriven}` },
    { title: "dead since", cell: (entry) => moment(entry.dead_at) },
    { title: "", cell: (entry) => retryButton(entry, again) },
  ], entries, "No dead letters match.");
}

/**
 * @param {any} entry
 * @param {() => Promise<void>} then
 */
function retryButton(entry, then) {
  return actionButton({
    id: `retry-${entry.job_id}`, label: "Retry", name: `Retry ${entry.job_id}`, question: `Run ${entry.name} again?`,
    detail: "The job runs from the start: its failures and crashes are reset.", told: `${entry.job_id} will run again.`,
    act: () => post(path`dlq/${entry.job_id}/retry`), then,
  });
}
