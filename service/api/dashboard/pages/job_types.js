/** Job types: how often they run, how long, and which fail. */

import { Trend } from "../ui/queue_table.js";
import { History, useHistory } from "../charts/history.js";
import { print } from "../lib/exact_json.js";
import { html } from "../lib/html.js";
import { count, percent } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { ScopedButton } from "../ui/action.js";
import { FilterForm } from "../ui/filter_form.js";
import { Panel } from "../ui/panel.js";
import { submitJob } from "../ui/submit_form.js";
import { Facts, Table } from "../ui/table.js";
import { TypeLink } from "../ui/words.js";

const SECONDS = 30, HOUR_MS = 3_600_000, ROUND_MS = 600_000;
/** The share of failed attempts that a row points out. */
const MANY = 0.05;

/** The last hour of every job type. */
function useRecent() {
  const from = new Date(Math.floor(Date.now() / ROUND_MS) * ROUND_MS - HOUR_MS).toISOString();
  return useReading("stats/job-types", { parameters: [["from", from], ["limit", "200"]], seconds: SECONDS, keep: true });
}

/** @type {import("../app/pages.js").PageView} */
export function JobTypesPage({ route }) {
  const types = useReading("job-types", { seconds: SECONDS }), recent = useRecent();
  const text = (route.filter.get("name") ?? "").toLowerCase();
  return html`
    <${FilterForm} page="job-types" fields=${[{ name: "name", label: "Name contains" }]} filter=${route.filter} />
    <${Panel} id="job-types" title="The last hour, failing ones first" reading=${types}>${(/** @type {any} */ page) => html`
      <${TypeTable} rows=${rowsOf(page.items, recent.data?.items ?? []).filter((row) => row.name.toLowerCase().includes(text))} />`}<//>`;
}

/**
 * Known types and those that only the history knows, failing ones first, then the busiest.
 * @param {any[]} known
 * @param {any[]} recent
 */
function rowsOf(known, recent) {
  const history = new Map(recent.map((row) => [row.name, row]));
  const names = new Set([...recent.map((row) => row.name), ...known.map((type) => type.name)]);
  const types = new Map(known.map((type) => [type.name, type]));
  // A handler's name with underscores is also its name with hyphens: one row, unless both have run.
  const twins = (/** @type {string} */ name) => name.includes("_") && !history.has(name) && names.has(name.replaceAll("_", "-"));
  return [...names].filter((name) => !twins(name)).map((name) => ({ name, type: types.get(name), recent: history.get(name) }))
    .sort((one, other) => failures(other) - failures(one) || (other.recent?.started ?? 0) - (one.recent?.started ?? 0) || one.name.localeCompare(other.name));
}

/** @param {{recent?: any}} row */
function failures({ recent }) {
  return recent === undefined ? 0 : recent.failed + recent.dead;
}

/** @param {{rows: {name: string, type?: any, recent?: any}[]}} properties */
function TypeTable({ rows }) {
  const of = (/** @type {string} */ title, /** @type {(recent: any) => any} */ cell, /** @type {(recent: any) => boolean} */ zero) => ({
    title, number: true, zero: (/** @type {any} */ row) => row.recent === undefined || zero(row.recent),
    cell: (/** @type {any} */ row) => (row.recent === undefined || zero(row.recent) ? html`<span class="none">–</span>` : cell(row.recent)),
  });
  const columns = [
    { title: "job type", cell: (/** @type {any} */ row) => html`<${TypeLink} name=${row.name} />${row.type === undefined && row.name !== "other" && html`<span class="trouble">no worker</span>`}` },
    of("started", (recent) => count(recent.started), (recent) => recent.started === 0),
    of("failed", (recent) => html`<${Share} recent=${recent} />`, (recent) => recent.failed === 0),
    of("dead", (recent) => html`<strong class="dead-count">${count(recent.dead)}</strong>`, (recent) => recent.dead === 0),
    of("wait p95", (recent) => duration(recent.wait_seconds.p95), (recent) => recent.wait_seconds.p95 === null),
    of("run p50", (recent) => duration(recent.run_seconds.p50), (recent) => recent.run_seconds.p50 === null),
    of("run p95", (recent) => duration(recent.run_seconds.p95), (recent) => recent.run_seconds.p95 === null),
    { title: "trend", wide: true, zero: (/** @type {any} */ row) => row.recent === undefined, cell: (/** @type {any} */ row) => html`<${Trend} row=${row.recent} />` },
    { title: "executor", wide: true, cell: (/** @type {any} */ row) => row.type?.executor ?? "–" },
  ];
  return html`<${Table} caption="Job types" columns=${columns} rows=${rows} empty="No worker has published a job type." keyOf=${(/** @type {any} */ row) => row.name} />`;
}

/** @param {{recent: any}} properties */
function Share({ recent }) {
  const all = recent.failed + recent.succeeded;
  return html`${count(recent.failed)} <span class=${recent.failed / all >= MANY ? "trouble" : "quiet"}>${percent(recent.failed, all)}</span>`;
}

/** @type {import("../app/pages.js").PageView} */
export function JobTypePage({ route }) {
  const name = route.id ?? "";
  const types = useReading("job-types", { seconds: SECONDS });
  const history = useHistory(route, [["type", name]]);
  const found = types.data?.items.find((/** @type {any} */ type) => type.name === name);
  const beside = html`<div class="actions">
    <a href=${address("jobs", null, [["name", name]])}>Jobs</a><a href=${address("dead-letters", null, [["name", name]])}>Dead letters</a>
    <${ScopedButton} id="submit-job" scope="jobs:write" click=${() => submitJob({ name })}>Submit a job<//></div>`;
  return html`
    <${History} route=${route} reading=${history} />
    <${Panel} id="job-type" title="Definition" reading=${types} beside=${beside}>${() => (found === undefined ? html`<p class="warning">No live worker knows this job type, so none of its jobs can run.</p>` : html`
      ${found.description && html`<p>${found.description}</p>`}
      <${Facts} rows=${[
        ["executor", found.executor],
        ["runs per worker at most", found.concurrency ?? "no limit"],
        ["redacted", found.redact.length === 0 ? "nothing" : found.redact.join(", ")],
      ]} />
      <h3>Defaults</h3><pre tabindex="0" class="scroll" role="group" aria-label="Defaults">${print(found.defaults)}</pre>
      ${found.payload_schema !== null && html`<h3>Payload schema</h3><pre tabindex="0" class="scroll" role="group" aria-label="Payload schema">${print(found.payload_schema)}</pre>`}`)}<//>`;
}
