/** Flows: the list, and one flow with its graph and waterfall. */

import { condition, Picture, runTime } from "../graph/picture.js";
import { Waterfall } from "../graph/waterfall.js";
import { path } from "../lib/api.js";
import { html, useMemo } from "../lib/html.js";
import { count } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { between, duration } from "../lib/times.js";
import { GroupActions } from "../ui/group_actions.js";
import { JobTable } from "../ui/job_table.js";
import { Pages, usePages } from "../ui/paging.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts, Table } from "../ui/table.js";
import { Ago, Moment, useSeconds } from "../ui/time.js";
import { CountBar, CountWords, IdLink, State } from "../ui/words.js";

/** Jobs that a picture still shows in a readable way. */
const DRAWN = 300;
/** A large flow names all its jobs in each response. */
const SECONDS = 3, SECONDS_LARGE = 15;

/** @type {import("../app/pages.js").PageView} */
export function FlowsPage({ route }) {
  const flows = usePages("flows", route, [], { concerns: (change) => change.object === "flow" });
  const columns = [
    { title: "flow", cell: (/** @type {any} */ flow) => html`<${IdLink} id=${flow.id} page="flows" text=${flow.name} /> <${IdLink} id=${flow.id} page="flows" short />` },
    { title: "state", cell: (/** @type {any} */ flow) => html`<${State} state=${flow.state} />` },
    { title: "jobs", number: true, cell: (/** @type {any} */ flow) => count(flow.counts.total) },
    { title: "of which", cell: (/** @type {any} */ flow) => html`<${CountBar} counts=${flow.counts} /><${CountWords} counts=${flow.counts} />` },
    { title: "took", number: true, cell: (/** @type {any} */ flow) => duration(between(flow.created_at, flow.finished_at)) },
    { title: "created", cell: (/** @type {any} */ flow) => html`<${Ago} at=${flow.created_at} />` },
  ];
  return html`<${Panel} id="flows" title="Newest first" reading=${flows} foot=${html`<${Pages} ...${{ route, reading: flows }} />`}>${(/** @type {any} */ page) => html`
    <${Table} caption="Flows" columns=${columns} rows=${page.items} empty="No flows." keyOf=${(/** @type {any} */ flow) => flow.id} />`}<//>`;
}

/** @type {import("../app/pages.js").PageView} */
export function FlowPage({ route }) {
  const id = route.id ?? "";
  const concerns = (/** @type {any} */ change) => change.id === id || change.group_id === id;
  const until = (/** @type {any} */ found) => found.state !== "running";
  const flow = useReading(path`flows/${id}`, { concerns, until });
  const found = flow.data, large = found !== null && found.counts.total > DRAWN, ended = found !== null && found.state !== "running";
  const rest = { concerns, until: () => ended, seconds: large ? SECONDS_LARGE : SECONDS };
  const graph = useReading(found !== null && !large ? path`flows/${id}/graph` : null, rest);
  const dead = useReading(large ? "jobs" : null, { ...rest, parameters: [["flow_id", id], ["state", "dead"], ["limit", "50"]] });
  useSeconds(found !== null && !ended);
  const shown = found === null ? flow : large ? dead : graph;
  const refresh = async () => { await Promise.all([flow.refresh(), shown.refresh()]); };
  return html`
    <${Panel} id="flow" title="State" name=${`flow ${id}`} reading=${flow} beside=${found && html`<${GroupActions} kind="flow" page="flows" group=${found} then=${refresh} />`}>${flowFacts}<//>
    ${!missing(flow) && html`
      <${Panel} id="graph" title="Graph" reading=${shown}>${(/** @type {any} */ data) => (large ? html`
        <p>Flows of more than ${DRAWN} jobs are not drawn. <${CountWords} counts=${found.counts} /></p>
        <h3>Dead jobs, at most 50</h3><${JobTable} jobs=${data.items} />` : html`<${Picture} graph=${data} />`)}<//>
      ${graph.data && html`
        <${Panel} id="waterfall" title="Waterfall"><${FlowWaterfall} graph=${graph.data} created=${found.created_at} /><//>
        <${Panel} id="nodes" title="Jobs"><${NodeTable} graph=${graph.data} /><//>`}`}`;
}

/** @param {any} flow */
function flowFacts(flow) {
  return html`<${Facts} rows=${[
    ["state", html`<${State} state=${flow.state} />`],
    ["name", flow.name],
    ["took", html`${duration(between(flow.created_at, flow.finished_at))}${flow.finished_at === null ? " so far" : ""}`],
    ["jobs", html`${count(flow.counts.total)} <${CountBar} counts=${flow.counts} /><${CountWords} counts=${flow.counts} href=${(/** @type {string} */ state) => address("jobs", null, [["flow_id", flow.id], ["state", state]])} />`],
    ["created", html`<${Moment} at=${flow.created_at} />`],
    ["finished", flow.finished_at && html`<${Moment} at=${flow.finished_at} />`],
  ]} />`;
}

/** @param {{graph: import("../graph/picture.js").Graph, created: string}} properties */
function FlowWaterfall({ graph, created }) {
  const rows = graph.nodes.filter((node) => node.started_at).map((node) => {
    const begin = new Date(node.started_at ?? "").getTime();
    return {
      key: node.key, state: node.state ?? "forgotten", href: address("jobs", node.job_id), begin,
      waited: node.queued_at ? Math.min(begin, new Date(node.queued_at).getTime()) : begin,
      end: node.finished_at ? new Date(node.finished_at).getTime() : node.state === "running" ? Date.now() : begin, text: runTime(node),
    };
  }).sort((one, other) => one.begin - other.begin);
  if (rows.length === 0) return html`<p class="empty">No job has started.</p>`;
  return html`<${Waterfall} label="When each job waited and ran" rows=${rows} from=${created} />`;
}

/** @param {{graph: import("../graph/picture.js").Graph}} properties */
function NodeTable({ graph }) {
  const waits = useMemo(() => Map.groupBy(graph.edges, (edge) => edge.to), [graph]);
  const rows = graph.nodes.toSorted((one, other) => (one.started_at ?? "~").localeCompare(other.started_at ?? "~") || one.key.localeCompare(other.key));
  const columns = [
    { title: "key", cell: (/** @type {any} */ node) => html`<${IdLink} id=${node.job_id} text=${node.key} />` },
    { title: "name", cell: (/** @type {any} */ node) => node.name ?? "–" },
    { title: "state", cell: (/** @type {any} */ node) => html`<${State} state=${node.state} />` },
    { title: "ran for", number: true, zero: (/** @type {any} */ node) => !runTime(node), cell: (/** @type {any} */ node) => runTime(node) || html`<span class="none">–</span>` },
    { title: "runs after", cell: (/** @type {any} */ node) => waits.get(node.key)?.map((edge) => `${edge.from} (${condition(edge)})`).join(", ") ?? html`<span class="none">–</span>` },
  ];
  return html`<${Table} caption="Jobs of the flow" columns=${columns} rows=${rows} keyOf=${(/** @type {any} */ node) => node.key} />`;
}
