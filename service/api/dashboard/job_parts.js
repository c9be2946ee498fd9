/** What a job left behind: reasons, attempts, log lines, payload and result. */

import { print } from "./exact_json.js";
import { element } from "./element.js";
import { duration, moment } from "./times.js";
import { addressOf } from "./route.js";
import { badge, jobLink } from "./words.js";

/** @typedef {import("./panel.js").Panel} Panel */

/**
 * @param {Panel} panel
 * @param {any} explanation
 */
export function showExplanation(panel, explanation) {
  panel.show(
    element("ul", { class: "reasons" }, explanation.reasons.map((/** @type {any} */ reason) => element(
      "li", {}, reason.message, " ", element("code", {}, reason.code),
      reason.holder_id && element("p", {}, "Held by ", jobLink(reason.holder_id)),
      reason.waits_for && element("ul", {}, reason.waits_for.map(waitedFor)),
    ))),
    explanation.next_at !== null && element("p", {}, "Next: ", moment(explanation.next_at)),
  );
}

/** @param {{id: string, key: string | null, state: string | null}} row */
function waitedFor(row) {
  const href = addressOf(row.id);
  const link = href === null ? row.id : element("a", { href, class: "id" }, row.id);
  return element("li", {}, row.key === null ? null : `${row.key} `, link, " ", badge(row.state));
}

/**
 * @param {Panel} panel
 * @param {{items: any[]}} page
 */
export function showAttempts(panel, page) {
  if (page.items.length === 0) return panel.show(element("p", { class: "empty" }, "None."));
  panel.show(...page.items.toReversed().map((attempt, index) => element(
    "details", { id: `attempt-${page.items.length - index}`, open: index === 0 },
    element(
      "summary", {}, `Attempt ${attempt.attempt} ${attempt.outcome} `, moment(attempt.at), ` after ${duration(attempt.duration_seconds)}: `,
      element("strong", { class: "text" }, `${attempt.type}: ${attempt.message}`),
    ),
    element("p", {}, "Worker ", element("span", { class: "id" }, attempt.worker_id ?? "unknown")),
    element("pre", { tabindex: 0, class: "scroll", id: `traceback-${page.items.length - index}`, "aria-label": "Traceback" }, attempt.traceback || "No traceback."),
  )));
}

/**
 * @param {Panel} panel
 * @param {{items: {at: string, message: string}[]}} page
 */
export function showLogs(panel, page) {
  if (page.items.length === 0) return panel.show(element("p", { class: "empty" }, "The handler logged nothing."));
  panel.show(element("ol", { class: "log scroll", id: "log-lines", tabindex: 0, "aria-label": "Log lines" }, page.items.map((line) => (
    element("li", {}, moment(line.at), " ", element("span", { class: "text" }, line.message))
  ))));
}

/**
 * @param {Panel} panel
 * @param {any} job
 */
export function showValues(panel, job) {
  // A payload is an object: null says that this key may not see it, or that its type was never published.
  if (job.payload === null) {
    const why = "This key lacks the scope payload:read, or no worker has published this job type yet.";
    return panel.show(element("p", { class: "lacking" }, why));
  }
  const value = (/** @type {string} */ name, /** @type {unknown} */ content) => [
    element("h3", { id: `${name}-title` }, name),
    element("pre", { tabindex: 0, class: "scroll", id: `${name}-value`, "aria-labelledby": `${name}-title` }, print(content)),
  ];
  panel.show(...value("payload", job.payload), ...(job.state === "succeeded" ? value("result", job.result) : []));
}
