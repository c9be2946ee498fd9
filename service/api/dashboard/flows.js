/** Flows: the list, and one flow with its graph. */

import { path, read } from "./api.js";
import { element } from "./element.js";
import { drawGraph, nodeTable } from "./graph.js";
import { jobTable } from "./jobs.js";
import { showPages } from "./paging.js";
import { Panel } from "./panel.js";
import { keepSubject } from "./subject.js";
import { facts, table } from "./table.js";
import { moment } from "./times.js";
import { address } from "./route.js";
import { badge, count, countBar, countWords } from "./words.js";

/** Jobs that a picture still shows in a readable way. */
const DRAWN = 300;
/** A large flow names all its jobs in each answer. */
const SECONDS_LARGE = 15;

/** @type {import("./main.js").View} */
export function showFlows(main, _route, left) {
  const flows = new Panel("flows", "Newest first");
  main.append(flows.element);
  showPages(flows, left, "flows", [], (items) => table("Flows", [
    { title: "flow", cell: (flow) => element("a", { href: address("flows", flow.id), class: "id" }, flow.id) },
    { title: "name", cell: (flow) => flow.name },
    { title: "state", cell: (flow) => badge(flow.state) },
    { title: "jobs", number: true, cell: (flow) => count(flow.counts.total) },
    { title: "of which", cell: (flow) => [countBar(flow.counts), countWords(flow.counts)] },
    { title: "created", cell: (flow) => moment(flow.created_at) },
    { title: "finished", cell: (flow) => moment(flow.finished_at) },
  ], items, "No flows."));
}

/** @type {import("./main.js").View} */
export function showFlow(main, route, left) {
  const id = route.id ?? "";
  const summary = new Panel("flow", "State"), graph = new Panel("graph", "Graph");
  main.append(summary.element, graph.element);
  let large = false;
  const load = async () => {
    const flow = await read(path`flows/${id}`, { signal: left });
    summary.show(flowFacts(flow));
    large = flow.counts.total > DRAWN;
    try {
      graph.show(...(large ? await ofLarge(flow, left) : await picture(id, left)));
    } catch (error) {
      if (!left.aborted) graph.fail(error);
    }
    return flow.state === "running";
  };
  keepSubject(left, { kind: "flow", id, panel: summary, parts: [graph] }, load, () => (large ? SECONDS_LARGE : undefined));
}

/** @param {any} flow */
function flowFacts(flow) {
  return facts([
    ["state", badge(flow.state)],
    ["name", flow.name],
    ["jobs", [count(flow.counts.total), " ", countBar(flow.counts), countWords(flow.counts)]],
    ["created", moment(flow.created_at)],
    ["finished", flow.finished_at && moment(flow.finished_at)],
    ["all jobs", element("a", { href: address("jobs", null, [["flow_id", flow.id]]) }, "as a list")],
  ]);
}

/**
 * @param {string} id
 * @param {AbortSignal} left
 */
async function picture(id, left) {
  const graph = await read(path`flows/${id}/graph`, { signal: left });
  return [element("div", { class: "scroll drawing", id: "drawing", tabindex: 0, role: "region", "aria-label": "Graph of the flow" }, drawGraph(graph)), nodeTable(graph)];
}

/**
 * @param {any} flow
 * @param {AbortSignal} left
 */
async function ofLarge(flow, left) {
  const dead = await read("jobs", { parameters: [["flow_id", flow.id], ["state", "dead"], ["limit", "50"]], signal: left });
  return [
    element("p", {}, `Flows of more than ${DRAWN} jobs are not drawn. `, countWords(flow.counts)),
    element("h3", {}, "Dead jobs, at most 50"),
    jobTable(dead.items),
  ];
}
