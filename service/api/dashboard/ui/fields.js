/** Inputs of forms, and reading them. */

import { parse } from "../lib/exact_json.js";
import { html } from "../lib/html.js";

/**
 * @param {{label: string, value: string, set: (value: string) => void, hint?: string, type?: string, required?: boolean,
 *   choices?: string[], suggestions?: string[], rows?: number, help?: string, first?: boolean}} properties
 *   `choices`: a select; `suggestions`: offered while typing; `rows`: several lines
 */
export function Field({ label, value, set, hint, type = "text", required = false, choices, suggestions, rows, help, first = false }) {
  const input = (/** @type {any} */ event) => set(event.target.value);
  const name = label.toLowerCase().replaceAll(/\W+/g, "-");
  const described = help ? `help-${name}` : null;
  const shared = { value, onInput: input, required, placeholder: hint, "data-first": first ? "" : null, "aria-describedby": described };
  const typing = { spellcheck: false, autocomplete: "off" };
  return html`<div class="field"><label><span>${label}</span>
    ${choices !== undefined
      ? html`<select value=${value} onChange=${input} data-first=${first ? "" : null} aria-describedby=${described}>${choices.map((choice) => html`<option key=${choice} value=${choice}>${choice || "any"}</option>`)}</select>`
      : rows ? html`<textarea rows=${rows} ...${shared} ...${typing}>${value}</textarea>`
        : html`<input type=${type} list=${suggestions ? `offered-${name}` : null} step=${type === "number" ? "any" : null} ...${shared} ...${typing} />`}
    </label>
    ${suggestions && html`<datalist id=${`offered-${name}`}>${suggestions.map((text) => html`<option key=${text} value=${text} />`)}</datalist>`}
    ${help && html`<small id=${described}>${help}</small>`}
  </div>`;
}

/** @param {{label: string, checked: boolean, set: (checked: boolean) => void}} properties */
export function Check({ label, checked, set }) {
  return html`<label class="check"><input type="checkbox" checked=${checked} onChange=${(/** @type {any} */ event) => set(event.target.checked)} /> ${label}</label>`;
}

/**
 * @param {string} what the field is called
 * @param {string} text
 * @returns {Record<string, any>}
 */
export function objectOf(what, text) {
  let value;
  try {
    value = text.trim() === "" ? {} : parse(text);
  } catch (error) {
    throw new Error(`${what} is not valid JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`${what} must be a JSON object.`);
  return value;
}

/** A number, or null for nothing. @param {string} what @param {string} text */
export function numberOf(what, text) {
  if (text.trim() === "") return null;
  const number = Number(text);
  if (!Number.isFinite(number)) throw new Error(`${what} must be a number.`);
  return number;
}

/** Tags as lines of key:value. @param {string} text */
export function tagsOf(text) {
  return Object.fromEntries(text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [key, ...rest] = line.split(":");
    if (rest.length === 0) throw new Error(`Tag ${line} must be key:value.`);
    return [key, rest.join(":")];
  }));
}
