/** A list page by page; the page is in the address. */

import { html } from "../lib/html.js";
import { useReading } from "../lib/reading.js";
import { changed } from "../lib/route.js";
import { Moment } from "./time.js";

/** Seconds between readings of a list without events. */
const SECONDS = 10;
/** Which cursor led to which, as far as this tab knows. @type {Map<string, string>} */
const before = new Map();

/**
 * The filter of a list, out of the address.
 * @param {import("../lib/route.js").Route} route
 * @param {string[]} names
 * @returns {[string, string][]}
 */
export function filterOf(route, names) {
  return names.flatMap((name) => route.filter.getAll(name).map((value) => /** @type {[string, string]} */ ([name, value])));
}

/**
 * @param {string} address of the list
 * @param {import("../lib/route.js").Route} route
 * @param {[string, string][]} filter
 * @param {import("../lib/reading.js").Options} [options]
 */
export function usePages(address, route, filter, options = {}) {
  const cursor = route.filter.get("cursor") ?? "";
  return useReading(address, { seconds: SECONDS, ...options, parameters: [...filter, ["cursor", cursor]] });
}

/** @param {{route: import("../lib/route.js").Route, reading: import("../lib/reading.js").Reading}} properties */
export function Pages({ route, reading }) {
  if (reading.data === null) return null;
  const { items, next_cursor: next } = reading.data;
  const cursor = route.filter.get("cursor") ?? "", page = Number(route.filter.get("page") ?? "1");
  if (next) before.set(next, cursor);
  const previous = before.get(cursor);
  const to = (/** @type {string} */ there, /** @type {number} */ number) => changed(route, { cursor: there, page: number > 1 ? String(number) : "" });
  return html`<nav class="foot" aria-label="Pages of the list">
    ${cursor !== "" && html`<a href=${to("", 1)}>First page</a>`}
    ${previous !== undefined && previous !== "" && html`<a href=${to(previous, page - 1)}>Previous page</a>`}
    ${next && html`<a class="next" href=${to(next, page + 1)}>Next page</a>`}
    <span>Page ${page}, ${items.length} shown, read at <${Moment} at=${reading.readAt} /></span>
    <button type="button" onClick=${reading.refresh}>Refresh</button>
  </nav>`;
}
