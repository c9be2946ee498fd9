/** What has just happened, for eyes and screen readers. */

import { inWords } from "../lib/api.js";
import { html } from "../lib/html.js";
import { store } from "../lib/store.js";

const KEPT = 3;
let numbers = 0;

/** @typedef {{number: number, text: string, kind: "done" | "failed"}} Notice */
const notices = store(/** @type {Notice[]} */ ([]));

/**
 * @param {string} text
 * @param {"done" | "failed"} [kind]
 */
export function notify(text, kind = "done") {
  notices.set([...notices.get(), { number: (numbers += 1), text, kind }].slice(-KEPT));
}

/**
 * @param {string} what that was tried
 * @param {unknown} error
 */
export function notifyFailure(what, error) {
  notify(`${what}: ${inWords(error)}`, "failed");
}

/** Without what a former page said. */
export function clearNotices() {
  notices.set([]);
}

export function Notices() {
  const shown = notices.use();
  const close = (/** @type {Notice} */ notice) => notices.set(notices.get().filter((other) => other !== notice));
  return html`<div id="notices" role="region" aria-label="Messages" aria-live="polite">${shown.map((notice) => html`
    <p key=${notice.number} class=${`notice ${notice.kind}`} role=${notice.kind === "failed" ? "alert" : "status"}>
      <span>${notice.text}</span><button type="button" aria-label="Close message" onClick=${() => close(notice)}>×</button>
    </p>`)}</div>`;
}
