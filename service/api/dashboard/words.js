/** States, links and numbers, the same everywhere. */

import { drawing, element } from "./element.js";
import { address } from "./route.js";

export const STATES = ["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "dead", "cancelled"];
export const LIVE = STATES.slice(0, 5);
export const REASONS = ["exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"];

/** @param {string | null} state */
export function badge(state) {
  const text = state ?? "forgotten";
  return element("span", { class: `state ${/^[a-z]+$/.test(text) ? text : ""}` }, text);
}

/**
 * @param {string} id of a job
 * @param {string} [text]
 */
export function jobLink(id, text = id) {
  return element("a", { href: address("jobs", id), class: text === id ? "id" : null }, text);
}

/** @param {string} name of a queue */
export function queueLink(name) {
  return element("a", { href: address("queues", name) }, name);
}

/** @param {Record<string, string>} tags */
export function tagList(tags) {
  return Object.entries(tags).map(([key, value]) => element("span", { class: "tag" }, `${key}:${value}`));
}

/** @param {number} number */
export function count(number) {
  return number.toLocaleString("en").replaceAll(",", "\u202f");
}

/**
 * How many of a group are in which state, as a bar; the words beside it say the same.
 * @param {Record<string, number>} counts
 */
export function countBar(counts) {
  const ends = ["succeeded", "dead", "cancelled", ...LIVE.toReversed()];
  let from = 0;
  const parts = ends.map((state) => {
    const width = counts.total === 0 ? 0 : (counts[state] / counts.total) * 100;
    const part = drawing("rect", { x: from, y: 0, width, height: 4, class: `bar ${state}` });
    from += width;
    return part;
  });
  return drawing("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", class: "bars", "aria-hidden": "true" }, parts);
}

/** @param {Record<string, number>} counts */
export function countWords(counts) {
  const present = STATES.filter((state) => counts[state] > 0);
  return element("span", { class: "counts" }, present.map((state) => element("span", {}, badge(state), ` ${count(counts[state])}`)));
}
