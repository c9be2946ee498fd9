/** Tables that are lists of cards where the screen is narrow. */

import { element } from "./element.js";

/** Letters of a word that a column must be wide enough for. */
const LONGEST = 24;

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
    element("tbody", {}, rows.map((row) => element("tr", {}, columns.map((column) => cellOf(column, row))))),
  );
}

/**
 * @template Row
 * @param {Column<Row>} column
 * @param {Row} row
 */
function cellOf(column, row) {
  const cell = element("td", { "data-title": column.title, class: column.number ? "number" : null }, column.cell(row));
  // Breaking every word where it suits the table would break short ones too.
  const long = (cell.textContent ?? "").split(/\s+/).some((word) => word.length > LONGEST);
  cell.classList.toggle("long", long);
  return cell;
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
