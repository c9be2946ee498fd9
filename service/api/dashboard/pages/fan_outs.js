/** Fan-outs: the list, and one with how far it is and what failed. */

import { path } from "../lib/api.js";
import { html } from "../lib/html.js";
import { count, percent } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { address, changed } from "../lib/route.js";
import { between, duration } from "../lib/times.js";
import { GroupActions } from "../ui/group_actions.js";
import { JobTable } from "../ui/job_table.js";
import { Pages, usePages } from "../ui/paging.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts, Table } from "../ui/table.js";
import { Ago, Moment, useSeconds } from "../ui/time.js";
import { CountBar, CountWords, IdLink, QueueLink, State } from "../ui/words.js";

/** Items by state; dead ones are what a reader looks for. @type {[string, string][]} */
const SHOWN = [["dead", "Dead items"], ["running", "Running items"], ["retrying", "Retrying items"], ["cancelled", "Cancelled items"], ["succeeded", "Succeeded items"]];

/** @param {any} counts */
function ended(counts) {
  return counts.succeeded + counts.dead + counts.cancelled;
}

/** @param {{fanOut: any}} properties */
function Progress({ fanOut: { counts } }) {
  return html`<progress value=${ended(counts)} max=${Math.max(1, counts.total)} aria-label="Finished items"></progress>
    ${` ${percent(ended(counts), counts.total)}: ${count(ended(counts))} of ${count(counts.total)} ended`}`;
}

/** @type {import("../app/pages.js").PageView} */
export function FanOutsPage({ route }) {
  const fanOuts = usePages("fan-outs", route, [], { concerns: (change) => change.object === "fan_out" });
  const columns = [
    { title: "fan-out", cell: (/** @type {any} */ fanOut) => html`<${IdLink} id=${fanOut.id} page="fan-outs" text=${fanOut.name} /> <${IdLink} id=${fanOut.id} page="fan-outs" short />` },
    { title: "state", cell: (/** @type {any} */ fanOut) => html`<${State} state=${fanOut.state} />` },
    { title: "progress", cell: (/** @type {any} */ fanOut) => html`<${Progress} fanOut=${fanOut} />` },
    { title: "dead", number: true, zero: (/** @type {any} */ fanOut) => fanOut.counts.dead === 0, cell: (/** @type {any} */ fanOut) => count(fanOut.counts.dead) },
    { title: "queue", cell: (/** @type {any} */ fanOut) => html`<${QueueLink} name=${fanOut.queue} />` },
    { title: "took", number: true, cell: (/** @type {any} */ fanOut) => duration(between(fanOut.created_at, fanOut.finished_at)) },
    { title: "created", cell: (/** @type {any} */ fanOut) => html`<${Ago} at=${fanOut.created_at} />` },
  ];
  return html`<${Panel} id="fan-outs" title="Newest first" reading=${fanOuts} foot=${html`<${Pages} ...${{ route, reading: fanOuts }} />`}>${(/** @type {any} */ page) => html`
    <${Table} caption="Fan-outs" columns=${columns} rows=${page.items} empty="No fan-outs." keyOf=${(/** @type {any} */ fanOut) => fanOut.id} />`}<//>`;
}

/** @type {import("../app/pages.js").PageView} */
export function FanOutPage({ route }) {
  const id = route.id ?? "";
  const concerns = (/** @type {any} */ change) => change.id === id || change.group_id === id;
  const over = (/** @type {any} */ found) => !["open", "running"].includes(found.state);
  const fanOut = useReading(path`fan-outs/${id}`, { concerns, until: over });
  const [state, title] = SHOWN.find(([name]) => name === route.filter.get("state")) ?? SHOWN[0];
  const items = usePages(path`fan-outs/${id}/jobs`, route, [["state", state]], { keep: true });
  useSeconds(fanOut.data !== null && !over(fanOut.data));
  const refresh = async () => { await Promise.all([fanOut.refresh(), items.refresh()]); };
  const choice = html`<div class="choice" role="group" aria-label="State of the items">${SHOWN.map(([name]) => html`
    <a key=${name} href=${changed(route, { state: name === "dead" ? "" : name, cursor: "", page: "" })} aria-current=${name === state ? "true" : null}>${name}</a>`)}</div>`;
  return html`
    <${Panel} id="fan-out" title="State" name=${`fan-out ${id}`} reading=${fanOut} beside=${fanOut.data && html`<${GroupActions} kind="fan-out" page="fan-outs" group=${fanOut.data} then=${refresh} />`}>${fanOutFacts}<//>
    ${!missing(fanOut) && html`<${Panel} id="items" title=${title} reading=${fanOut.data === null && fanOut.error ? fanOut : items} beside=${choice}
      foot=${html`<${Pages} ...${{ route, reading: items }} />`}>${(/** @type {any} */ page) => html`<${JobTable} jobs=${page.items} />`}<//>`}`;
}

/** @param {any} fanOut */
function fanOutFacts(fanOut) {
  const { count: number, percent: share } = fanOut.failure_tolerance;
  const tolerated = [number !== null && `${number} items`, share !== null && `${share} %`].filter(Boolean).join(", ");
  return html`
    <p class="progress"><${Progress} fanOut=${fanOut} /></p>
    <${Facts} rows=${[
    ["state", html`<${State} state=${fanOut.state} />${fanOut.sealed ? "" : " more items follow"}`],
    ["items", html`<${CountBar} counts=${fanOut.counts} /><${CountWords} counts=${fanOut.counts} href=${(/** @type {string} */ state) => address("jobs", null, [["fan_out_id", fanOut.id], ["state", state]])} />`],
    ["name", fanOut.name],
    ["queue", html`<${QueueLink} name=${fanOut.queue} />`],
    ["took", html`${duration(between(fanOut.created_at, fanOut.finished_at))}${fanOut.finished_at === null ? " so far" : ""}`],
    ["running items at most", fanOut.max_concurrency ?? "no limit"],
    ["failures tolerated", tolerated || "none; a failure cancels no items"],
    ["follow-up", fanOut.then_job_id === null ? "none" : html`<${IdLink} id=${fanOut.then_job_id} />`],
    ["created", html`<${Moment} at=${fanOut.created_at} />`],
    ["finished", fanOut.finished_at && html`<${Moment} at=${fanOut.finished_at} />`],
  ]} />`;
}
