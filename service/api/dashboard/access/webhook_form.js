/** Creating and editing an endpoint. */

import { path, post, send } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { DialogForm, openDialog } from "../ui/dialog.js";
import { Check, Field } from "../ui/fields.js";

/** Events by kind; `kind.*` stands for all of one. */
const KINDS = /** @type {Record<string, string[]>} */ ({
  job: ["succeeded", "dead", "cancelled"], flow: ["succeeded", "failed", "cancelled"],
  fan_out: ["succeeded", "failed", "cancelled"], queue: ["paused", "resumed"],
});
const ALL = "*";

/**
 * @param {any} [webhook] absent: a new one
 * @returns {Promise<any>} the endpoint as the API returned it; undefined: nothing changed
 */
export function editWebhook(webhook) {
  return openDialog(webhook === undefined ? "New webhook" : "Edit webhook", (close) => html`<${WebhookForm} ...${{ webhook, close }} />`, "wide");
}

/** @param {{webhook: any, close: (result?: any) => void}} properties */
function WebhookForm({ webhook, close }) {
  const [url, setUrl] = useState(webhook?.url ?? ""), [description, setDescription] = useState(webhook?.description ?? "");
  const [events, setEvents] = useState(/** @type {string[]} */ (webhook?.events ?? []));
  const save = async () => {
    if (events.length === 0) throw new Error("Choose at least one event.");
    const body = { url: url.trim(), events, description: description.trim() };
    // A change that was made meanwhile is not overwritten.
    return webhook === undefined ? post("webhooks", body) : send("PATCH", path`webhooks/${webhook.id}`, body, { "If-Match": `"${webhook.version}"` });
  };
  return html`<${DialogForm} verb="Save" ...${{ save, close }}>
    <${Field} label="URL" value=${url} set=${setUrl} required hint="https://shop.example/triage-events" help="Receives a signed POST for each event." first />
    <${Events} events=${events} set=${setEvents} />
    <${Field} label="Description" value=${description} set=${setDescription} />
  <//>`;
}

/** @param {{events: string[], set: (events: string[]) => void}} properties */
function Events({ events, set }) {
  const has = (/** @type {string} */ event) => events.includes(event);
  const toggle = (/** @type {string} */ event) => () => set(has(event) ? events.filter((other) => other !== event) : simplified([...events, event]));
  return html`
    <${Check} label="All events" checked=${has(ALL)} set=${toggle(ALL)} />
    ${!has(ALL) && Object.entries(KINDS).map(([kind, ends]) => html`<fieldset key=${kind} class="choices"><legend>${kind.replace("_", "-")}</legend>
      <${Check} label=${`all ${kind.replace("_", "-")} events`} checked=${has(`${kind}.*`)} set=${toggle(`${kind}.*`)} />
      ${!has(`${kind}.*`) && ends.map((end) => html`<${Check} key=${end} label=${`${kind}.${end}`} checked=${has(`${kind}.${end}`)} set=${toggle(`${kind}.${end}`)} />`)}
    </fieldset>`)}`;
}

/** Without events that a wildcard includes. @param {string[]} events */
function simplified(events) {
  if (events.includes(ALL)) return [ALL];
  return events.filter((event) => event.endsWith(".*") || !events.includes(`${event.split(".")[0]}.*`));
}
