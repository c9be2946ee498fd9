/** Lines over time, by uPlot, with what a screen reader and a mouse need. */

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { utc } from "../lib/preferences.js";
import { clock } from "../lib/times.js";
import { draw } from "./drawing.js";

/**
 * @typedef {{label: string, shade: string, values: (number | null)[], dashed?: boolean}} Line `shade`: a colour of base.css
 * @typedef {{at: number, kind: string, text: string}} Mark `at` in seconds since 1970
 */

/**
 * @param {{id: string, title: string, times: number[], lines: Line[], format: (value: number) => string, marks?: Mark[],
 *   stepSeconds: number}} properties `times` in seconds since 1970
 */
export function Chart({ id, title, times, lines, format, marks = [], stepSeconds }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {import("./drawing.js").Plot | null} */ (null));
  const [pointed, point] = useState(/** @type {number | null} */ (null));
  const [scheme, setScheme] = useState(0);
  const zone = utc.use();
  const some = lines.some((line) => line.values.some((value) => value !== null && value > 0));
  // Another range or other lines need another drawing; new values do not.
  const shape = `${some} ${zone} ${scheme} ${stepSeconds} ${lines.map((line) => line.label)} ${marks.map((mark) => mark.at)}`;

  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setScheme((number) => number + 1);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, []);
  useEffect(() => {
    if (!some || place.current === null) return undefined;
    const drawn = draw(place.current, { times, lines, format, marks, zone, point });
    plot.current = drawn;
    return () => {
      plot.current = null;
      drawn.destroy();
    };
  }, [shape]);
  useEffect(() => plot.current?.update(times, lines.map((line) => line.values)), [times, lines]);

  const last = times.length - 1, at = pointed !== null && pointed <= last ? pointed : null;
  return html`<figure id=${id} class="chart">
    <figcaption><strong>${title}</strong> <span class="quiet">${at === null ? "" : clock(times[at], zone)}</span></figcaption>
    ${some ? html`<div class="plot" ref=${place} aria-hidden="true"></div>` : html`<p class="empty">Nothing in this period.</p>`}
    ${some && html`<ul class="legend">${lines.map((line) => {
      const value = line.values[at ?? latest(line.values)];
      return html`<li key=${line.label}><span class=${`swatch ${line.shade}${line.dashed ? " dashed" : ""}`}></span>${line.label}
        <strong>${value === null || value === undefined ? "–" : format(value)}</strong></li>`;
    })}</ul>`}
    ${some && html`<p class="hidden">${lines.map((line) => summary(line, times, format, zone)).join(" ")}</p>`}
  </figure>`;
}

/** The last step that has a value. @param {(number | null)[]} values */
function latest(values) {
  const at = values.findLastIndex((value) => value !== null);
  return at === -1 ? values.length - 1 : at;
}

/**
 * @param {Line} line
 * @param {number[]} times
 * @param {(value: number) => string} format
 * @param {boolean} zone
 */
function summary(line, times, format, zone) {
  let most = -1;
  line.values.forEach((value, index) => { if (value !== null && (most === -1 || value > (line.values[most] ?? 0))) most = index; });
  const value = line.values[latest(line.values)];
  if (most === -1 || value === null) return "";
  return `${line.label}: latest ${format(value)}, highest ${format(line.values[most] ?? 0)} at ${clock(times[most], zone)}.`;
}
