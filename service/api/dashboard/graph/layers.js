/** In which layer of a picture a node is: one after the last of those that it waits for. */

/** Points that edges over several layers go through; with more of them the picture has no room for nodes. */
const WAYPOINTS = 400;

/**
 * @param {string[]} keys
 * @param {{from: string, to: string}[]} edges
 * @returns {string[][]} keys by layer, near to what they wait for; among them `waypoint`s
 */
export function arrange(keys, edges) {
  const before = new Map(keys.map((key) => [key, /** @type {string[]} */ ([])]));
  for (const { from, to } of edges) if (before.has(from)) before.get(to)?.push(from);
  const depths = depthsOf(keys, before);
  const points = waypoints(edges, depths);
  for (const { from, depth } of points) {
    const point = waypoint(from, depth);
    depths.set(point, depth);
    before.set(point, [depth - 1 === depths.get(from) ? from : waypoint(from, depth - 1)]);
  }
  return sorted([...depths.keys()], before, depths);
}

/**
 * Where the edges of a node pass a layer; no key has a line break.
 * @param {string} from
 * @param {number} depth
 */
export function waypoint(from, depth) {
  return `${from}\n${depth}`;
}

/**
 * @param {string[]} keys
 * @param {Map<string, string[]>} before
 */
function depthsOf(keys, before) {
  /** @type {Map<string, number>} */
  const depths = new Map();
  let left = keys;
  while (left.length > 0) {
    const ready = left.filter((key) => before.get(key)?.every((other) => depths.has(other)));
    // The API admits no cycle; if there is one all the same, its nodes follow what is known.
    const settled = ready.length > 0 ? ready : left;
    for (const key of settled) {
      depths.set(key, Math.max(-1, ...(before.get(key) ?? []).map((other) => depths.get(other) ?? -1)) + 1);
    }
    left = left.filter((key) => !depths.has(key));
  }
  return depths;
}

/**
 * @param {{from: string, to: string}[]} edges
 * @param {Map<string, number>} depths
 */
function waypoints(edges, depths) {
  /** @type {Map<string, number>} */
  const furthest = new Map();
  for (const { from, to } of edges) furthest.set(from, Math.max(furthest.get(from) ?? 0, depths.get(to) ?? 0));
  const points = [];
  for (const [from, end] of furthest) {
    for (let depth = (depths.get(from) ?? end) + 1; depth < end; depth += 1) points.push({ from, depth });
  }
  return points.length > WAYPOINTS ? [] : points;
}

/**
 * @param {string[]} keys
 * @param {Map<string, string[]>} before
 * @param {Map<string, number>} depths
 */
function sorted(keys, before, depths) {
  /** @type {string[][]} */
  const layers = [];
  for (const key of keys) (layers[depths.get(key) ?? 0] ??= []).push(key);
  /** @type {Map<string, number>} */
  const rows = new Map();
  for (const layer of layers) {
    const middle = (/** @type {string} */ key) => {
      const known = (before.get(key) ?? []).map((other) => rows.get(other) ?? 0);
      return known.length === 0 ? 0 : known.reduce((sum, row) => sum + row, 0) / known.length;
    };
    const order = new Map(layer.map((key) => [key, middle(key)]));
    layer.sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
    layer.forEach((key, row) => rows.set(key, row - layer.length / 2));
  }
  return layers;
}
