/** A form that writes its filter into the address. */

import { html, useEffect, useState } from "../lib/html.js";
import { address, go } from "../lib/route.js";

/** @typedef {{name: string, label: string, choices?: string[], hint?: string, repeated?: boolean, wide?: boolean}} FilterField */

/**
 * @param {{page: string, fields: FilterField[], filter: URLSearchParams, children?: any}} properties
 *   `repeated`: several values, one a line; `children` stand next to the button
 */
export function FilterForm({ page, fields, filter, children }) {
  const read = () => Object.fromEntries(fields.map((field) => [field.name, filter.getAll(field.name).join("\n")]));
  const [values, setValues] = useState(read);
  useEffect(() => setValues(read()), [filter.toString()]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go(address(page, null, fields.flatMap((field) => valuesOf(field, values[field.name]))));
  };
  const set = (/** @type {string} */ name, /** @type {string} */ value) => setValues((all) => ({ ...all, [name]: value }));
  const narrowed = fields.some((field) => filter.has(field.name));
  return html`<form class="filter" role="search" aria-label="Filter" onSubmit=${submit}>
    ${fields.map((field) => html`<label key=${field.name} class=${field.wide ? "wide" : null}><span>${field.label}</span>
      <${Input} field=${field} id=${`${page}-${field.name}`} value=${values[field.name]} set=${(/** @type {string} */ value) => set(field.name, value)} /></label>`)}
    <div class="actions"><button>Filter</button>${narrowed && html`<a href=${address(page)}>Clear</a>`}${children}</div>
  </form>`;
}

/** @param {{field: FilterField, id: string, value: string, set: (value: string) => void}} properties */
function Input({ field, id, value, set }) {
  const input = (/** @type {any} */ event) => set(event.target.value);
  if (field.choices !== undefined) {
    return html`<select id=${id} value=${value} onChange=${input}><option value="">any</option>
      ${field.choices.map((choice) => html`<option key=${choice} value=${choice}>${choice}</option>`)}</select>`;
  }
  const shared = { id, value, placeholder: field.hint, spellcheck: false, onInput: input };
  return field.repeated ? html`<textarea rows="1" ...${shared} />` : html`<input type="text" autocomplete="off" ...${shared} />`;
}

/**
 * @param {FilterField} field
 * @param {string} text
 * @returns {[string, string][]}
 */
function valuesOf(field, text) {
  const values = field.repeated ? text.split("\n") : [text];
  return values.map((value) => [field.name, value.trim()]);
}
