/** A flow as boxes in layers, each one right of what it waits for; and as a table that says the same. */

import { arrange, waypoint } from "./layers.js";
import { drawing } from "./element.js";
import { table } from "./table.js";
import { address } from "./route.js";
import { badge, jobLink } from "./words.js";

/** @typedef {{key: string, job_id: string, name: string | null, state: string | null}} GraphNode */
/** @typedef {{from: string, to: string, when: string}} Edge */
/** @typedef {{nodes: GraphNode[], edges: Edge[]}} Graph */
/** @typedef {Map<string, {column: number, x: number, y: number}>} Places */

/** What an edge asks of the job that it comes from: a condition, which is not the state that the job is in. */
const CONDITIONS = /** @type {Record<string, string>} */ ({
  succeeded: "on success", failed: "on failure", finished: "on finish", child: "child",
});

const WIDTH = 190, HEIGHT = 44, BESIDE = 70, BELOW = 16, EDGE = 12, LETTERS = 24;

/** @param {Graph} graph */
export function drawGraph(graph) {
  const layers = arrange(graph.nodes.map((node) => node.key), graph.edges);
  /** @type {Places} */
  const places = new Map();
  const highest = Math.max(...layers.map((layer) => layer.length));
  layers.forEach((layer, column) => layer.forEach((key, row) => places.set(key, {
    column,
    x: EDGE + column * (WIDTH + BESIDE),
    y: EDGE + (row + (highest - layer.length) / 2) * (HEIGHT + BELOW),
  })));
  const width = 2 * EDGE + layers.length * (WIDTH + BESIDE) - BESIDE;
  const height = 2 * EDGE + highest * (HEIGHT + BELOW) - BELOW;
  return drawing(
    "svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "graph" },
    drawing("title", {}, `${graph.nodes.length} jobs; the table below has the same data`),
    graph.edges.map((edge) => line(edge, places)),
    graph.nodes.map((node) => box(node, places)),
  );
}

/**
 * @param {Edge} edge
 * @param {Places} places
 */
function line(edge, places) {
  const from = places.get(edge.from), to = places.get(edge.to);
  if (from === undefined || to === undefined) return null;
  const x2 = to.x, y2 = to.y + HEIGHT / 2;
  let x = from.x + WIDTH, y = from.y + HEIGHT / 2, way = `M ${x} ${y}`;
  const bend = (/** @type {number} */ nextX, /** @type {number} */ nextY) => {
    way += ` C ${x + BESIDE / 2} ${y}, ${nextX - BESIDE / 2} ${nextY}, ${nextX} ${nextY}`;
    [x, y] = [nextX, nextY];
  };
  for (let column = from.column + 1; column < to.column; column += 1) {
    const point = places.get(waypoint(edge.from, column));
    if (point === undefined) continue;
    bend(point.x, point.y + HEIGHT / 2);
    x += WIDTH;
    way += ` H ${x}`;
  }
  const middle = { x: (x + x2) / 2, y: (y + y2) / 2 - 3 };
  bend(x2 - 5, y2);
  const label = edge.when !== "succeeded" && drawing("text", { ...middle, class: "when" }, condition(edge));
  return drawing("g", { class: "edge" },
    drawing("path", { d: way }),
    drawing("path", { d: `M ${x2} ${y2} l -7 -4 v 8 z`, class: "tip" }),
    label);
}

/** @param {Edge} edge */
function condition(edge) {
  return CONDITIONS[edge.when] ?? edge.when;
}

/**
 * @param {GraphNode} node
 * @param {Places} places
 */
function box(node, places) {
  const { x, y } = /** @type {{column: number, x: number, y: number}} */ (places.get(node.key));
  const state = node.state ?? "forgotten";
  return drawing(
    // The table has the same links: once is enough for the tab key.
    "a", { href: address("jobs", node.job_id), tabindex: -1 },
    drawing("title", {}, `${node.key}: ${state}`),
    drawing("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 5, class: `box ${state}` }),
    drawing("text", { x: x + 10, y: y + 18, class: "key" }, node.key.length > LETTERS ? `${node.key.slice(0, LETTERS - 1)}…` : node.key),
    drawing("text", { x: x + 10, y: y + 35, class: "kind" }, state),
  );
}

/** @param {Graph} graph */
export function nodeTable(graph) {
  const waits = Map.groupBy(graph.edges, (edge) => edge.to);
  return table("Jobs of the flow", [
    { title: "key", cell: (node) => jobLink(node.job_id, node.key) },
    { title: "name", cell: (node) => node.name ?? "–" },
    { title: "state", cell: (node) => badge(node.state) },
    { title: "runs after", cell: (node) => waits.get(node.key)?.map((edge) => `${edge.from} (${condition(edge)})`).join(", ") ?? "–" },
  ], graph.nodes);
}
