/** A part of a page that loads, and fails, on its own. */

import { inWords, Problem } from "../lib/api.js";
import { html } from "../lib/html.js";
import { Moment } from "./time.js";

/**
 * With a reading, `children` is a function of what was read.
 * @param {{id: string, title: any, reading?: import("../lib/reading.js").Reading, beside?: any, foot?: any,
 *   name?: string, children?: any}} properties
 */
export function Panel({ id, title, reading, beside, foot, children, name }) {
  const content = reading === undefined ? children : reading.data !== null && !lacking(reading.error) && renderedWith(children, reading.data);
  const busy = reading !== undefined && reading.data === null && reading.error === null;
  return html`
    <section id=${id} aria-labelledby=${`${id}-title`}>
      <div class="head"><h2 id=${`${id}-title`}>${title}</h2>${beside}</div>
      <div role="alert">${reading?.error && html`<${Failure} reading=${reading} name=${name} />`}</div>
      <div class="body" aria-busy=${busy ? "true" : null}>${busy ? html`<p class="empty">Loading …</p>` : content}</div>
      ${foot}
    </section>`;
}

/** @param {unknown} children @param {any} data */
function renderedWith(children, data) {
  const render = Array.isArray(children) ? children.find((child) => typeof child === "function") : children;
  return typeof render === "function" ? render(data) : children;
}

/** @param {unknown} error */
function lacking(error) {
  return error instanceof Problem && error.requiredScope !== null;
}

/** Content that was there stays, and is said to be old. @param {{reading: import("../lib/reading.js").Reading, name?: string}} properties */
function Failure({ reading: { error, data }, name }) {
  if (lacking(error)) return html`<p class="lacking">This key lacks the scope ${error.requiredScope}.</p>`;
  if (error instanceof Problem && error.status === 404 && name) {
    return html`<p class="problem">Not Found: No ${name} exists. It may have been deleted, or its retention has passed.</p>`;
  }
  return html`<p class="problem">${inWords(error)}${data === null ? "" : " The data below is older."}</p>`;
}

/** Whether a page's subject does not exist, so that it has no other parts. @param {import("../lib/reading.js").Reading} reading */
export function missing(reading) {
  return reading.error instanceof Problem && reading.error.status === 404;
}

/** @param {{reading: import("../lib/reading.js").Reading, children?: any}} properties */
export function ReadAt({ reading, children }) {
  return html`<p class="foot">${children}<span>Read at <${Moment} at=${reading.readAt} /></span></p>`;
}
