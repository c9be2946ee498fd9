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

/** What an id names. @param {string} id */
export function addressOf(id) {
  const page = { job: "jobs", flow: "flows", fan: "fan-outs" }[id.split("_", 1)[0]];
  return page === undefined ? null : address(page, id);
}

/** @param {string} text */
function readable(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
