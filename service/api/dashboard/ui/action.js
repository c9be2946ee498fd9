/** A button that asks, acts and reports. */

import { html } from "../lib/html.js";
import { useMay } from "../lib/permissions.js";
import { confirmed } from "./dialog.js";
import { notify, notifyFailure } from "./notices.js";

/**
 * @typedef {{id?: string, label: string, scope: string, question: string, detail?: string, done: string,
 *   act: () => Promise<unknown>, then: () => unknown, danger?: boolean, name?: string, typed?: string}} ActionProperties
 *   `name`: for screen readers, where a list has the same button many times; `typed`: what to type before
 */

/** @param {ActionProperties} properties */
export function Action({ id, label, scope, question, detail = "", done, act, then, danger = false, name, typed = "" }) {
  const click = async () => {
    if (!(await confirmed(question, label, detail, typed))) return;
    try {
      await act();
      notify(done);
    } catch (error) {
      notifyFailure(`${label} failed`, error);
    }
    await then();
  };
  return html`<${ScopedButton} ...${{ id, scope, danger, name, click }}>${label}<//>`;
}

/**
 * A button that is disabled, and says why, where the key lacks the scope.
 * @param {{id?: string, scope: string, danger?: boolean, name?: string, disabled?: boolean, click: () => unknown, children?: any}} properties
 */
export function ScopedButton({ id, scope, danger = false, name, disabled = false, click, children }) {
  const may = useMay(scope);
  return html`<button type="button" id=${id} class=${danger ? "danger" : null} aria-label=${name} disabled=${disabled || !may}
    title=${may ? null : `This key lacks the scope ${scope}.`} onClick=${click}>${children}</button>`;
}
