/** A form that writes what it asks for into the address. */

import { element } from "./element.js";
import { address } from "./route.js";

/** @typedef {{name: string, label: string, choices?: string[], hint?: string, repeated?: boolean}} Field */

/**
 * @param {string} page
 * @param {Field[]} fields `repeated`: several values, one a line
 * @param {URLSearchParams} filter
 * @param {...import("./element.js").Child} beside the button
 */
export function filterForm(page, fields, filter, ...beside) {
  const inputs = fields.map((field) => inputOf(page, field, filter));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    location.hash = address(page, null, fields.flatMap((field, index) => valuesOf(field, inputs[index].value)));
  };
  return element(
    "form", { class: "filter", role: "search", "aria-label": "Filter", submit },
    fields.map((field, index) => element("label", {}, element("span", {}, field.label), inputs[index])),
    element("div", { class: "actions" }, element("button", {}, "Filter"), ...beside),
  );
}

/**
 * @param {string} page
 * @param {Field} field
 * @param {URLSearchParams} filter
 */
function inputOf(page, field, filter) {
  const id = `${page}-${field.name}`, current = filter.getAll(field.name).join("\n");
  if (field.choices !== undefined) {
    const choices = field.choices.map((choice) => element("option", { value: choice, selected: choice === current }, choice));
    return element("select", { id }, element("option", { value: "" }, "any"), choices);
  }
  if (field.repeated) return element("textarea", { id, rows: 1, placeholder: field.hint, spellcheck: "false" }, current);
  return element("input", { id, type: "text", value: current, placeholder: field.hint, spellcheck: "false", autocomplete: "off" });
}

/**
 * @param {Field} field
 * @param {string} text
 * @returns {[string, string][]}
 */
function valuesOf(field, text) {
  const values = field.repeated ? text.split("\n") : [text];
  return values.map((value) => [field.name, value.trim()]);
}
