/** The state of an endpoint and of a delivery, in words. */

import { html } from "../lib/html.js";
import { Ago, Since } from "../ui/time.js";

/** The ID that stands for the callbacks of all jobs, flows and fan-outs. */
export const CALLBACKS = "callbacks";
const DISABLED = /** @type {Record<string, string>} */ ({ failing: "no attempt succeeded for a day", gone: "it responded 410", requested: "on request" });
const FAILED = /** @type {Record<string, string>} */ ({
  exhausted: "no attempts left", gone: "it responded 410", refused: "the address is not allowed", disabled: "the endpoint was disabled",
});

/** @param {{webhook: any}} properties */
export function WebhookState({ webhook }) {
  const { enabled, disabled_at: since, disabled_reason: reason, failing_since: failing } = webhook;
  if (!enabled) return html`<span><span class="state disabled">disabled</span> <span class="quiet"><${Ago} at=${since} />: ${DISABLED[reason] ?? reason}</span></span>`;
  if (failing !== null) return html`<span><span class="state failing">failing</span> <span class="quiet"><${Since} at=${failing} /></span></span>`;
  return html`<span class="state enabled">enabled</span>`;
}

/** @param {{delivery: any}} properties */
export function DeliveryState({ delivery: { status, failure_reason: reason } }) {
  return html`<span><span class=${`state ${status}`}>${status}</span>${reason !== null && html` <span class="quiet">${FAILED[reason] ?? reason}</span>`}</span>`;
}

/** The status of the response, or the error. @param {any} delivery */
export function outcome({ last_attempt: last }) {
  return last === null ? "none yet" : last.error ?? `response ${last.status}`;
}
