/** Asks how long an old secret stays valid, and replaces it. */

import { html, useState } from "../lib/html.js";
import { DialogForm, openDialog } from "./dialog.js";

const OVERLAPS = /** @type {Record<string, number>} */ ({ "not at all": 0, "for an hour": 3600, "for a day": 86_400, "for a week": 604_800 });

/**
 * @param {string} title
 * @param {string} detail
 * @param {string} first one of OVERLAPS
 * @param {(seconds: number) => Promise<any>} rotate
 * @returns {Promise<any>} what `rotate` returned; undefined: dismissed
 */
export function askForOverlap(title, detail, first, rotate) {
  return openDialog(title, (close) => html`<${OverlapForm} ...${{ detail, first, rotate, close }} />`);
}

/** @param {{detail: string, first: string, rotate: (seconds: number) => Promise<any>, close: (result?: any) => void}} properties */
function OverlapForm({ detail, first, rotate, close }) {
  const [overlap, setOverlap] = useState(first);
  return html`<${DialogForm} verb="Rotate" save=${() => rotate(OVERLAPS[overlap])} close=${close}>
    <p>${detail}</p>
    <label class="field"><span>The old secret stays valid</span>
      <select value=${overlap} data-first onChange=${(/** @type {any} */ event) => setOverlap(event.target.value)}>${Object.keys(OVERLAPS).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
  <//>`;
}
