/** Where the page is: all in the fragment, so that an address can be sent to a colleague. */

/** @typedef {{page: string, id: string | null, filter: URLSearchParams}} Route */

/** @returns {Route} */
export function currentRoute() {
  const [place, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [page, id = ""] = place.split("/", 2).map(readable);
  return { page, id: id === "" ? null : id, filter: new URLSearchParams(query) };
}

/**
 * @param {string} page
 * @param {string | null} [id]
 * @param {Iterable<[string, string]>} [filter]
 */
export function address(page, id = null, filter = []) {
  const query = new URLSearchParams([...filter].filter(([, value]) => value !== ""));
  return `#/${page}${id === null ? "" : `/${encodeURIComponent(id)}`}${query.size ? `?${query}` : ""}`;
}

/**
 * The same place with other values in its filter; "" removes one.
 * @param {Route} route
 * @param {Record<string, string>} changes
 */
export function changed(route, changes) {
  const kept = [...route.filter].filter(([name]) => !(name in changes));
  return address(route.page, route.id, [...kept, ...Object.entries(changes)]);
}

/** @param {string} to */
export function go(to) {
  location.hash = to;
}

const PAGES = new Map([["job", "jobs"], ["flow", "flows"], ["fan", "fan-outs"], ["wk", "workers"], ["act", "bulk-actions"], ["wh", "webhooks"], ["key", "api-keys"]]);

/** What an id names. @param {string} id */
export function addressOf(id) {
  const [kind, rest] = id.split("_", 2);
  const page = PAGES.get(kind);
  return page === undefined || !rest ? null : address(page, id);
}

/** @param {string} text */
function readable(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
