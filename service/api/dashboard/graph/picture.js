/** A flow as boxes in layers, each one right of what it waits for. */

import { html } from "../lib/html.js";
import { address } from "../lib/route.js";
import { between, duration } from "../lib/times.js";
import { arrange, waypoint } from "./layers.js";
import { useViewport, ZoomButtons } from "./viewport.js";

/** @typedef {{key: string, job_id: string, name: string | null, state: string | null, queued_at?: string | null, started_at?: string | null, finished_at?: string | null}} GraphNode */
/** @typedef {{from: string, to: string, when: string}} Edge */
/** @typedef {{nodes: GraphNode[], edges: Edge[]}} Graph */
/** @typedef {Map<string, {column: number, x: number, y: number}>} Places */

/** What an edge requires of the job that it comes from: a condition, which is not the state that the job is in. */
const CONDITIONS = /** @type {Record<string, string>} */ ({
  succeeded: "on success", failed: "on failure", finished: "on finish", child: "child",
});

const WIDTH = 190, HEIGHT = 44, BESIDE = 70, BELOW = 16, EDGE = 12, LETTERS = 24;

/** @param {{graph: Graph}} properties */
export function Picture({ graph }) {
  const { places, width, height } = layOut(graph);
  const viewport = useViewport(width, height);
  return html`
    <${ZoomButtons} viewport=${viewport} />
    <div class="drawing" tabindex="0" role="group" aria-label="Graph of the flow" onKeyDown=${viewport.key}>
      <svg class="graph" viewBox=${viewport.box} ...${viewport.handlers}>
        <title>${graph.nodes.length} jobs; the table below has the same data</title>
        ${graph.edges.map((edge) => html`<${Line} key=${`${edge.from}\n${edge.to}`} ...${{ edge, places }} />`)}
        ${graph.nodes.map((node) => html`<${Box} key=${node.key} ...${{ node, places }} />`)}
      </svg>
    </div>`;
}

/** @param {Graph} graph */
function layOut(graph) {
  const layers = arrange(graph.nodes.map((node) => node.key), graph.edges);
  /** @type {Places} */
  const places = new Map();
  const highest = Math.max(1, ...layers.map((layer) => layer.length));
  layers.forEach((layer, column) => layer.forEach((key, row) => places.set(key, {
    column,
    x: EDGE + column * (WIDTH + BESIDE),
    y: EDGE + (row + (highest - layer.length) / 2) * (HEIGHT + BELOW),
  })));
  return {
    places,
    width: 2 * EDGE + layers.length * (WIDTH + BESIDE) - BESIDE,
    height: 2 * EDGE + highest * (HEIGHT + BELOW) - BELOW,
  };
}

/** @param {{edge: Edge, places: Places}} properties */
function Line({ edge, places }) {
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
  const [middleX, middleY] = [(x + x2) / 2, (y + y2) / 2];
  bend(x2 - 6, y2);
  return html`<g class="edge">
    <path d=${way} />
    <path class="tip" d=${`M ${x2} ${y2} l -7 -4 v 8 z`} />
    ${edge.when !== "succeeded" && html`<text class="when" x=${middleX} y=${middleY - 4}>${condition(edge)}</text>`}
  </g>`;
}

/** @param {Edge} edge */
export function condition(edge) {
  return CONDITIONS[edge.when] ?? edge.when;
}

/** How long it ran, or has been running. @param {GraphNode} node */
export function runTime(node) {
  const seconds = between(node.started_at, node.finished_at);
  return seconds === null ? "" : duration(seconds);
}

/** @param {{node: GraphNode, places: Places}} properties */
function Box({ node, places }) {
  const { x, y } = /** @type {{column: number, x: number, y: number}} */ (places.get(node.key));
  const state = node.state ?? "forgotten", time = runTime(node);
  // The table has the same links: once is enough for the tab key.
  return html`<a href=${address("jobs", node.job_id)} tabindex="-1">
    <title>${node.key}: ${state}${time && `, ${time}`}</title>
    <rect x=${x} y=${y} width=${WIDTH} height=${HEIGHT} rx="5" class=${`box ${state}`} />
    <text x=${x + 10} y=${y + 18} class="key">${node.key.length > LETTERS ? `${node.key.slice(0, LETTERS - 1)}…` : node.key}</text>
    <text x=${x + 10} y=${y + 35} class="kind">${state}</text>
    ${time && html`<text x=${x + WIDTH - 10} y=${y + 35} class="kind time">${time}</text>`}
  </a>`;
}
