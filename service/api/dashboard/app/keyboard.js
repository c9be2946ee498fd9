/** Shortcuts. They are off while the reader types or a dialog is open. */

import { html } from "../lib/html.js";
import { address, go } from "../lib/route.js";
import { openDialog } from "../ui/dialog.js";

/** After `g`. */
const PLACES = /** @type {Record<string, [string, string]>} */ ({
  o: ["", "Overview"], j: ["jobs", "Jobs"], d: ["dead-letters", "Dead letters"], q: ["queues", "Queues"], t: ["job-types", "Job types"],
  f: ["flows", "Flows"], a: ["fan-outs", "Fan-outs"], s: ["schedules", "Schedules"], w: ["workers", "Workers"], b: ["bulk-actions", "Bulk actions"],
  h: ["webhooks", "Webhooks"], k: ["api-keys", "API keys"],
});
const SECOND_KEY_MS = 1500;

let goingSince = 0;

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest?.("input:not([type=checkbox]), textarea, select, dialog")) return;
    if (act(event.key)) event.preventDefault();
  });
}

/** @param {string} key */
function act(key) {
  const going = Date.now() - goingSince < SECOND_KEY_MS;
  goingSince = 0;
  if (going && Object.hasOwn(PLACES, key)) {
    go(address(PLACES[key][0]));
    return true;
  }
  switch (key) {
    case "/": document.getElementById("find-id")?.focus(); return true;
    case "j": return step(1);
    case "k": return step(-1);
    case "x": return pick();
    case "g": goingSince = Date.now(); return true;
    case "?": help(); return true;
    default: return false;
  }
}

/** @returns {HTMLElement[]} */
function rows() {
  return [...document.querySelectorAll("main tbody tr")].filter((row) => row.checkVisibility?.() ?? true).map((row) => /** @type {HTMLElement} */ (row));
}

/** @param {1 | -1} by */
function step(by) {
  const all = rows(), at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[at === -1 ? (by === 1 ? 0 : all.length - 1) : at + by];
  const place = /** @type {HTMLElement | null | undefined} */ (next?.querySelector("a, button, summary") ?? next?.querySelector("input"));
  place?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

function pick() {
  const row = rows().find((one) => one.contains(document.activeElement));
  /** @type {HTMLElement | null | undefined} */ (row?.querySelector(".pick input"))?.click();
  return row !== undefined;
}

export function help() {
  const keys = [
    ["/", "search"], ["j, k", "next, previous row"], ["Enter", "open the row"], ["x", "select the row"], ["?", "this list"],
    ...Object.entries(PLACES).map(([key, [, title]]) => [`g ${key}`, title]),
  ];
  openDialog("Keyboard", (close) => html`
    <dl class="keys">${keys.map(([key, text]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
    <div class="actions"><button type="button" data-first onClick=${() => close()}>Close</button></div>`);
}
