/** What can be done with an endpoint. */

import { path, post, send } from "../lib/api.js";
import { html } from "../lib/html.js";
import { leaveAfter } from "../lib/reading.js";
import { address, go } from "../lib/route.js";
import { Action, ScopedButton } from "../ui/action.js";
import { notify, notifyFailure } from "../ui/notices.js";
import { askForOverlap } from "../ui/overlap_form.js";
import { showSecret } from "../ui/secret.js";
import { editWebhook } from "./webhook_form.js";
import { CALLBACKS } from "./webhook_words.js";

const SCOPE = "webhooks:write";

export async function createWebhook() {
  const made = await editWebhook();
  if (made === undefined) return false;
  await showWebhookSecret(made);
  go(address("webhooks", made.id));
  return true;
}

/** @param {any} webhook */
function showWebhookSecret(webhook) {
  return showSecret("Signing secret", webhook.secret, "The receiver verifies signatures with this secret (Standard Webhooks).");
}

/** @param {{webhook: any, then: () => Promise<void>, all?: boolean}} properties `all`: also what is rarely needed */
export function WebhookButtons({ webhook, then, all = false }) {
  const { id, url, enabled } = webhook, what = url ?? "callbacks";
  const same = { scope: SCOPE, then };
  const test = async () => {
    try {
      const sent = await post(path`webhooks/${id}/test`);
      notify(`A test event is on its way: ${sent.id}.`);
    } catch (error) {
      notifyFailure("Test failed", error);
    }
    await then();
  };
  const rotate = async () => {
    const detail = id === CALLBACKS && webhook.version === 0 ? "Creates the secret that signs all callbacks of this namespace." : "As long as both are valid, each request has a signature by each of them.";
    const rotated = await askForOverlap(`Rotate the secret of ${what}?`, detail, "for a day", (seconds) => post(path`webhooks/${id}/rotate-secret`, { overlap_seconds: seconds }));
    if (rotated !== undefined) await showWebhookSecret(rotated);
    await then();
  };
  const rotateButton = html`<${ScopedButton} id=${`rotate-${id}`} scope=${SCOPE} name=${`Rotate the secret of ${what}`} click=${rotate}>Rotate secret …<//>`;
  if (id === CALLBACKS) return html`<span class="actions">${rotateButton}</span>`;
  return html`<span class="actions">
    <${ScopedButton} id=${`test-${id}`} scope=${SCOPE} name=${`Test ${what}`} disabled=${!enabled} click=${test}>Test<//>
    ${!enabled && html`<${Action} id=${`enable-${id}`} label="Enable" name=${`Enable ${what}`} question=${`Enable ${what}?`} detail="It receives events from now on. Triage recorded none while it was disabled."
      done="The webhook is enabled." act=${() => post(path`webhooks/${id}/enable`)} ...${same} />`}
    ${enabled && html`<${Action} id=${`disable-${id}`} label="Disable" name=${`Disable ${what}`} question=${`Disable ${what}?`} detail="Pending deliveries fail, and new events are not recorded."
      done="The webhook is disabled." act=${() => post(path`webhooks/${id}/disable`)} ...${same} />`}
    <${ScopedButton} id=${`edit-${id}`} scope=${SCOPE} name=${`Edit ${what}`} click=${async () => (await editWebhook(webhook)) && then()}>Edit …<//>
    ${all && rotateButton}
    ${all && html`<${Action} id=${`delete-${id}`} label="Delete" danger question=${`Delete ${what}?`} detail="Its deliveries are gone, also pending ones." done=${`${what} is deleted.`}
      act=${() => leaveAfter(() => send("DELETE", path`webhooks/${id}`), address("webhooks"))} scope=${SCOPE} then=${() => undefined} />`}
  </span>`;
}
