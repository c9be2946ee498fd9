/** A small line in a row of a table. */

import { html } from "../lib/html.js";

const WIDTH = 100, HEIGHT = 20;

/** @param {{values: (number | null)[], bad?: (number | null)[], title: string}} properties `bad` is drawn over it */
export function Spark({ values, bad = [], title }) {
  const most = Math.max(1, ...values.map(Number), ...bad.map(Number));
  const line = (/** @type {(number | null)[]} */ row) => row.map((value, index) => (
    `${(index / Math.max(1, row.length - 1)) * WIDTH},${HEIGHT - 1 - (Number(value ?? 0) / most) * (HEIGHT - 3)}`)).join(" ");
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${title}>
    <polyline class="good" points=${line(values)} />
    ${bad.some((value) => Number(value) > 0) && html`<polyline class="bad" points=${line(bad)} />`}
  </svg>`;
}
