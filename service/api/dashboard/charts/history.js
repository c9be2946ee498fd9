/** The history of the namespace, a queue or a job type as charts. */

import { html, useMemo } from "../lib/html.js";
import { count, rate } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { changed } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { missing, Panel } from "../ui/panel.js";
import { Ago } from "../ui/time.js";
import { Chart } from "./chart.js";

/** How far back, and in which steps. @type {Record<string, {hours: number, step: string, title: string}>} */
const RANGES = {
  "1h": { hours: 1, step: "1m", title: "1 hour" },
  "6h": { hours: 6, step: "5m", title: "6 hours" },
  "24h": { hours: 24, step: "5m", title: "24 hours" },
};
const DEFAULT = "1h";
const SECONDS = 30;

/** @param {import("../lib/route.js").Route} route */
function rangeOf(route) {
  const name = route.filter.get("range") ?? DEFAULT;
  return Object.hasOwn(RANGES, name) ? name : DEFAULT;
}

/**
 * @param {import("../lib/route.js").Route} route its `range`
 * @param {[string, string][]} [of] a queue or a type
 */
export function useHistory(route, of = []) {
  const { hours, step } = RANGES[rangeOf(route)];
  // Whole minutes, so that a rendering does not ask for another range.
  const from = new Date((Math.floor(Date.now() / 600_000) * 10 - hours * 60) * 60_000).toISOString();
  return useReading("stats", { parameters: [...of, ["from", from], ["step", step]], seconds: SECONDS, keep: true });
}

/**
 * @param {{route: import("../lib/route.js").Route, reading: import("../lib/reading.js").Reading, wide?: boolean}} properties
 */
export function History({ route, reading }) {
  // An API of an earlier version keeps no history.
  if (missing(reading)) return null;
  const range = rangeOf(route);
  const ranges = html`<div class="choice" role="group" aria-label="Period">${Object.entries(RANGES).map(([name, { title }]) => html`
    <a key=${name} href=${changed(route, { range: name === DEFAULT ? "" : name })} aria-current=${name === range ? "true" : null}>${title}</a>`)}</div>`;
  return html`<${Panel} id="history" title="History" reading=${reading} beside=${ranges}>${(/** @type {any} */ stats) => html`<${Charts} stats=${stats} />`}<//>`;
}

/** @param {{stats: any}} properties */
function Charts({ stats }) {
  const shown = useMemo(() => linesOf(stats), [stats]);
  const { times, marks } = shown;
  if (empty(stats)) return html`<p class="empty">Nothing was recorded in this period.</p>`;
  const same = { times, marks, stepSeconds: stats.step_seconds };
  return html`
    <div class="charts">
      <${Chart} id="throughput" title="Throughput per minute" lines=${shown.throughput} format=${rate} ...${same} />
      <${Chart} id="failures" title="Failures per minute" lines=${shown.failures} format=${rate} ...${same} />
      <${Chart} id="waits" title="Wait until the start" lines=${shown.waits} format=${duration} ...${same} />
      <${Chart} id="runs" title="Run time" lines=${shown.runs} format=${duration} ...${same} />
      ${shown.depth && html`<${Chart} id="depth" title="Jobs at the end of each minute" lines=${shown.depth} format=${count} ...${same} />`}
    </div>
    ${stats.marks.length > 0 && html`<ul class="marks" aria-label="Marks">${stats.marks.slice(-6).reverse().map((/** @type {any} */ mark) => html`
      <li key=${mark.at + mark.kind}><span class=${`mark ${mark.kind}`}></span>${markText(mark)} <${Ago} at=${mark.at} /></li>`)}</ul>`}`;
}

/** @param {any} stats */
function empty(stats) {
  const columns = [stats.started, stats.failed, stats.dead, ...Object.values(stats.depth ?? {})];
  return columns.every((column) => column.every((/** @type {number | null} */ value) => !value));
}

/** @param {any} stats */
function linesOf(stats) {
  const begin = new Date(stats.from).getTime() / 1000, step = stats.step_seconds;
  const times = Array.from({ length: stats.points }, (_, index) => begin + index * step);
  const perMinute = (/** @type {(number | null)[]} */ values) => values.map((value) => (value === null ? null : value / (step / 60)));
  const percentiles = (/** @type {Record<string, (number | null)[]>} */ of) => [
    { label: "p50", shade: "busy", values: of.p50 }, { label: "p95", shade: "wait", values: of.p95 }, { label: "p99", shade: "caution", values: of.p99, dashed: true },
  ];
  return {
    times,
    marks: stats.marks.map((/** @type {any} */ mark) => ({ at: new Date(mark.at).getTime() / 1000, kind: mark.kind, text: markText(mark) })),
    throughput: [
      { label: "started", shade: "busy", values: perMinute(stats.started), dashed: true },
      { label: "succeeded", shade: "good", values: perMinute(stats.succeeded) },
    ],
    failures: [
      { label: "failed attempts", shade: "caution", values: perMinute(stats.failed) },
      { label: "dead jobs", shade: "bad", values: perMinute(stats.dead) },
    ],
    waits: percentiles(stats.wait_seconds),
    runs: percentiles(stats.run_seconds),
    depth: stats.depth && [
      { label: "queued", shade: "wait", values: stats.depth.queued },
      { label: "scheduled, retrying", shade: "quiet", values: stats.depth.delayed, dashed: true },
      { label: "running", shade: "busy", values: stats.depth.running },
    ],
  };
}

/** @param {any} mark */
function markText(mark) {
  if (mark.kind === "deploy") return `version ${mark.version} started`;
  const what = mark.job_type ? `type ${mark.job_type} in ${mark.queue}` : `queue ${mark.queue}`;
  return `${what} ${mark.kind === "pause" ? "paused" : "resumed"}`;
}
