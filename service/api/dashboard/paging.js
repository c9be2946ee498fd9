/** A list that grows page by page. */

import { read } from "./api.js";
import { element } from "./element.js";
import { moment } from "./times.js";

/**
 * @param {import("./panel.js").Panel} panel
 * @param {AbortSignal} left
 * @param {string} address of the list
 * @param {Iterable<[string, string]>} filter
 * @param {(items: any[], again: () => Promise<void>) => Node} render all that was read; `again` reads from the start
 * @returns {() => Promise<void>} `again`
 */
export function showPages(panel, left, address, filter, render) {
  /** @type {any[]} */
  let items = [];
  let cursor = "", readAt = "";

  const load = async () => {
    try {
      const page = await read(address, { parameters: [...filter, ["cursor", cursor]], signal: left });
      items = cursor === "" ? page.items : [...items, ...page.items];
      cursor = page.next_cursor ?? "";
      if (readAt === "") readAt = new Date().toISOString();
      panel.show(render(items, again), foot());
    } catch (error) {
      if (!left.aborted) panel.fail(error);
    }
  };
  const again = async () => {
    cursor = readAt = "";
    await load();
  };
  const foot = () => element(
    "p", { class: "foot" },
    element("span", {}, `${items.length} shown${cursor === "" ? "" : ", there may be more"}, read at `, moment(readAt)),
    cursor !== "" && element("button", { type: "button", id: `${panel.element.id}-more`, click: load }, "Show more"),
    element("button", { type: "button", id: `${panel.element.id}-again`, click: again }, "Refresh"),
  );
  load();
  return again;
}
