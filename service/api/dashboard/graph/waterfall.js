/** Bars over time, one a row. The text next to each bar says the same. */

import { html } from "../lib/html.js";
import { duration } from "../lib/times.js";

const WIDTH = 1000, HEIGHT = 12;
/** The least width of a bar that can be seen. */
const LEAST = 3;

/**
 * @typedef {{key: string, state: string, begin: number, end: number, waited?: number, text: string, href?: string}} Bar
 *   times in milliseconds; `waited`: since when it could have run
 */

/** @param {{label: string, rows: Bar[], from?: string}} properties */
export function Waterfall({ label, rows: all, from }) {
  const rows = all.filter((row) => Number.isFinite(row.begin) && Number.isFinite(row.end));
  if (rows.length === 0) return null;
  const first = Math.min(...rows.map((row) => row.waited ?? row.begin), ...(from ? [new Date(from).getTime()] : []));
  const last = Math.max(...rows.map((row) => row.end), first + 1);
  const at = (/** @type {number} */ time) => ((time - first) / (last - first)) * WIDTH;
  return html`<div class="waterfall" role="group" aria-label=${label}>
    <ol>${rows.map((row) => {
      const begin = Math.min(at(row.begin), WIDTH - LEAST), width = Math.max(LEAST, at(row.end) - at(row.begin));
      return html`<li key=${row.key}>
        <span class="key">${row.href ? html`<a href=${row.href} title=${row.key}>${row.key}</a>` : row.key}</span>
        <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          ${row.waited !== undefined && html`<rect class="wait" x=${at(row.waited)} y="4" width=${Math.max(0, begin - at(row.waited))} height="4" />`}
          <rect class=${`bar ${row.state}`} x=${begin} y="1" width=${width} height="10" rx="1" />
        </svg>
        <span class="quiet">${row.text}</span></li>`;
    })}</ol>
    <p class="quiet">${duration((last - first) / 1000)} in total</p>
  </div>`;
}
