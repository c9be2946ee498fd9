/** Tables that are lists of cards where the screen is narrow. */

import { element } from "./element.js";

/**
 * @template Row
 * @typedef {{title: string, cell: (row: Row) => import("./element.js").Child | import("./element.js").Child[], number?: boolean}} Column
 */

/**
 * @template Row
 * @param {string} caption for screen readers
 * @param {Column<Row>[]} columns
 * @param {Row[]} rows
 * @param {string} [empty] what to say without rows
 */
export function table(caption, columns, rows, empty = "None.") {
  if (rows.length === 0) return element("p", { class: "empty" }, empty);
  const head = element("tr", {}, columns.map((column) => element("th", { scope: "col", class: column.number ? "number" : null }, column.title)));
  return element(
    "table", {},
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, head),
    element("tbody", {}, rows.map((row) => element("tr", {}, columns.map((column) => element(
      "td", { "data-title": column.title, class: column.number ? "number" : null }, column.cell(row),
    ))))),
  );
}

/**
 * Facts by name; null is none.
 * @param {[string, import("./element.js").Child | import("./element.js").Child[]][]} rows
 */
export function facts(rows) {
  return element("dl", {}, rows.filter(([, value]) => value !== null).map(([name, value]) => (
    element("div", {}, element("dt", {}, name), element("dd", {}, value))
  )));
}
