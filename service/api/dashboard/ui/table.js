/** Tables that are lists of cards where the screen is narrow. */

import { html } from "../lib/html.js";

/** Letters of a word that a column must be wide enough for. */
const LONGEST = 24;

/**
 * @template Row
 * @typedef {{title: string, cell: (row: Row) => any, number?: boolean, zero?: (row: Row) => boolean,
 *   always?: boolean, wide?: boolean}} Column
 *   `zero`: nothing worth a line on a narrow screen, nor a column unless `always`; `wide`: only where there is room
 */

/**
 * @template Row
 * @param {{caption: string, columns: Column<Row>[], rows: Row[], empty?: any, keyOf?: (row: Row) => string,
 *   selection?: import("./selection.js").Selection}} properties `caption` is for screen readers
 */
export function Table({ caption, columns, rows, empty = "None.", keyOf, selection }) {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  // A column of zeros says nothing.
  const shown = columns.filter((column) => column.zero === undefined || column.always || rows.some((row) => !column.zero?.(row)));
  const all = selection && rows.every((row) => selection.has(keyOf?.(row) ?? ""));
  return html`
    <table>
      <caption class="hidden">${caption}</caption>
      <thead><tr>
        ${selection && html`<th scope="col" class="pick"><input type="checkbox" aria-label="Select all rows of this page" checked=${all}
          onChange=${() => selection.set(all ? [] : rows.map((row) => keyOf?.(row) ?? ""))} /></th>`}
        ${shown.map((column) => html`<th key=${column.title} scope="col" class=${classes(column)}>${column.title || html`<span class="hidden">actions</span>`}</th>`)}
      </tr></thead>
      <tbody>${rows.map((row, index) => {
        const key = keyOf?.(row) ?? String(index);
        return html`<tr key=${key} data-row=${key} class=${selection?.has(key) ? "picked" : null}>
          ${selection && html`<td class="pick" data-title=""><input type="checkbox" aria-label=${`Select ${key}`} checked=${selection.has(key)}
            onChange=${() => selection.toggle(key)} /></td>`}
          ${shown.map((column, place) => html`<td key=${column.title} data-title=${column.title} class=${[place === 0 && "lead", classes(column, row)].filter(Boolean).join(" ") || null}>${column.cell(row)}</td>`)}
        </tr>`;
      })}</tbody>
    </table>`;
}

/**
 * @template Row
 * @param {Column<Row>} column
 * @param {Row} [row]
 */
function classes(column, row) {
  const zero = row !== undefined && column.zero?.(row);
  return [column.number && "number", column.wide && "wide", zero && "zero", column.title === "" && "buttons"].filter(Boolean).join(" ") || null;
}

/** A text that may be long: its words may break where short ones must not. @param {{text: string, brief?: boolean}} properties */
export function Text({ text, brief = false }) {
  const long = text.split(/\s+/).some((word) => word.length > LONGEST);
  return html`<span class=${[brief && "brief", long && "long"].filter(Boolean).join(" ") || null} title=${brief ? text : null}>${text}</span>`;
}

/**
 * Facts by name; null, undefined and false are none.
 * @param {{rows: [string, any][]}} properties
 */
export function Facts({ rows }) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return html`<dl>${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
