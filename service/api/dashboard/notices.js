/** What has just happened, for eyes and screen readers. */

import { Problem } from "./api.js";
import { element } from "./element.js";

const KEPT = 3;

/**
 * @param {string} text
 * @param {"done" | "failed"} [kind]
 */
export function tell(text, kind = "done") {
  const place = /** @type {HTMLElement} */ (document.getElementById("notices"));
  const close = element("button", { type: "button", "aria-label": "Close message", click: () => notice.remove() }, "×");
  const notice = element("p", { class: `notice ${kind}`, role: kind === "failed" ? "alert" : "status" }, element("span", {}, text), close);
  place.append(notice);
  while (place.children.length > KEPT) place.firstElementChild?.remove();
}

/**
 * @param {string} what that was tried
 * @param {unknown} error
 */
export function tellFailure(what, error) {
  tell(`${what}: ${inWords(error)}`, "failed");
}

/** @param {unknown} error */
export function inWords(error) {
  if (!(error instanceof Problem)) return String(error);
  const rows = error.errors.map((row) => `${row.pointer} ${row.message}`).join("; ");
  return `${error.title}: ${error.detail}${rows ? ` (${rows})` : ""}`;
}

/** Without what a former page said. */
export function clearNotices() {
  document.getElementById("notices")?.replaceChildren();
}
