/** uPlot, in the colours of the page. */

import { clock } from "../lib/times.js";

const HEIGHT = 150, AXIS = 46;
/** Charts with the same key show the same time under the mouse. */
const SYNC = "history";

/** @typedef {{destroy: () => void, update: (times: number[], values: (number | null)[][]) => void}} Plot */

/** @param {string} name of a custom property */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * @param {HTMLElement} place
 * @param {{times: number[], lines: import("./chart.js").Line[], format: (value: number) => string,
 *   marks: import("./chart.js").Mark[], zone: boolean, point: (index: number | null) => void}} content
 * @returns {Plot}
 */
export function draw(place, { times, lines, format, marks, zone, point }) {
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  // It is a classic script, which the page loads before its modules.
  const { uPlot } = /** @type {any} */ (globalThis);
  const plot = new uPlot({
    width: Math.max(200, place.clientWidth), height: HEIGHT,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: { y: { range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, size: 26, space: 70, values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) => splits.map((split) => clock(split, zone)) },
      { ...axis, size: AXIS, space: 34, values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) => splits.map(format) },
    ],
    series: [{}, ...lines.map((line) => ({
      stroke: colour(line.shade), width: 1.6, dash: line.dashed ? [5, 4] : undefined, points: { show: single(line.values), size: 5 }, spanGaps: false,
    }))],
    hooks: {
      setCursor: [(/** @type {any} */ made) => point(made.cursor.idx ?? null)],
      draw: [(/** @type {any} */ made) => drawMarks(made, marks)],
    },
  }, [times, ...lines.map((line) => line.values)], place);
  const watch = new ResizeObserver(() => {
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  watch.observe(place);
  return {
    destroy: () => { watch.disconnect(); plot.destroy(); },
    update: (newTimes, values) => plot.setData([newTimes, ...values]),
  };
}

/** A line needs two neighbours; a lone value is a point. @param {(number | null)[]} values */
function single(values) {
  return values.filter((value) => value !== null).length < 3;
}

/**
 * @param {any} plot
 * @param {import("./chart.js").Mark[]} marks
 */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark.at, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(mark.kind === "deploy" ? "wait" : mark.kind === "pause" ? "caution" : "good");
    ctx.setLineDash(mark.kind === "deploy" ? [] : [3, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
