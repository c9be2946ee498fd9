/** Webhooks: the endpoints of the namespace, and one with its deliveries. */

import { path } from "../lib/api.js";
import { html } from "../lib/html.js";
import { count } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { ScopedButton } from "../ui/action.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts, Table, Text } from "../ui/table.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink } from "../ui/words.js";
import { Deliveries, useDeliveries } from "./deliveries.js";
import { createWebhook, WebhookButtons } from "./webhook_actions.js";
import { CALLBACKS, WebhookState } from "./webhook_words.js";

const SECONDS = 5;

/** @type {import("../app/pages.js").PageView} */
export function WebhooksPage() {
  const webhooks = useReading("webhooks", { seconds: SECONDS });
  const callbacks = useReading(path`webhooks/${CALLBACKS}`, { seconds: SECONDS });
  const columns = [
    { title: "url", cell: (/** @type {any} */ webhook) => html`<${IdLink} id=${webhook.id} page="webhooks" text=${webhook.url} />${webhook.description && html`<div class="quiet"><${Text} brief text=${webhook.description} /></div>`}` },
    { title: "state", cell: (/** @type {any} */ webhook) => html`<${WebhookState} webhook=${webhook} />` },
    { title: "events", cell: (/** @type {any} */ webhook) => html`<${EventNames} events=${webhook.events} />` },
    { title: "pending", number: true, always: true, zero: (/** @type {any} */ webhook) => webhook.pending === 0, cell: (/** @type {any} */ webhook) => count(webhook.pending) },
    { title: "dropped", number: true, zero: (/** @type {any} */ webhook) => webhook.dropped === 0, cell: (/** @type {any} */ webhook) => count(webhook.dropped) },
    { title: "created", cell: (/** @type {any} */ webhook) => html`<${Ago} at=${webhook.created_at} />` },
    { title: "", cell: (/** @type {any} */ webhook) => html`<${WebhookButtons} webhook=${webhook} then=${webhooks.refresh} />` },
  ];
  const beside = html`<div class="actions"><${ScopedButton} id="new-webhook" scope="webhooks:write" click=${async () => (await createWebhook()) && webhooks.refresh()}>New webhook<//></div>`;
  return html`
    <${Panel} id="webhooks" title="Endpoints" reading=${webhooks} beside=${beside}>${(/** @type {any} */ page) => html`
      <${Table} caption="Webhooks" columns=${columns} rows=${page.items} empty="No webhooks. An endpoint receives the events of this namespace that you choose." keyOf=${(/** @type {any} */ webhook) => webhook.id} />`}<//>
    <${Panel} id="callbacks" title="Callbacks" reading=${callbacks} beside=${callbacks.data && html`<div class="actions"><${WebhookButtons} webhook=${callbacks.data} then=${callbacks.refresh} /></div>`}>${(/** @type {any} */ found) => html`
      <p>Jobs, flows and fan-outs can each name a URL that is told how they end. One secret signs them all: ${
        found.created_at === null ? "rotate it once to get it." : html`created <${Ago} at=${found.created_at} />.`}</p>
      <p><a href="#/webhooks/callbacks">${count(found.pending)} pending, and the last that ended</a></p>`}<//>`;
}

/** @param {{events: string[]}} properties */
function EventNames({ events }) {
  return html`<span class="names">${events.map((event) => html`<code key=${event}>${event}</code>`)}</span>`;
}

/** @type {import("../app/pages.js").PageView} */
export function WebhookPage({ route }) {
  const id = route.id ?? "";
  const webhook = useReading(path`webhooks/${id}`, { seconds: SECONDS });
  const deliveries = useDeliveries(route, id);
  const found = webhook.data;
  const refresh = async () => { await Promise.all([webhook.refresh(), deliveries.refresh()]); };
  const actions = found && html`<div class="actions"><${WebhookButtons} webhook=${found} then=${refresh} all /></div>`;
  return html`
    <${Panel} id="webhook" title="State" name=${`webhook ${id}`} reading=${webhook} beside=${actions}>${(/** @type {any} */ one) => html`
      ${!one.enabled && one.disabled_reason !== "requested" && html`<p class="warning">Triage has disabled this endpoint. Enable it when the receiver works again.</p>`}
      ${one.dropped > 0 && html`<p class="warning">${count(one.dropped)} events were dropped, because too many deliveries were pending.</p>`}
      <${Facts} rows=${[
        ["state", html`<${WebhookState} webhook=${one} />`],
        ["url", one.url],
        ["events", one.events.length > 0 && html`<${EventNames} events=${one.events} />`],
        ["description", one.description || null],
        ["pending deliveries", count(one.pending)],
        ["failing since", one.failing_since && html`<${Moment} at=${one.failing_since} />`],
        ["disabled", one.disabled_at && html`<${Moment} at=${one.disabled_at} />`],
        ["old secret also signs until", one.secret_overlap_until && html`<${Moment} at=${one.secret_overlap_until} />`],
        ["created", one.created_at ? html`<${Moment} at=${one.created_at} />` : "no secret yet"],
      ]} />`}<//>
    ${!missing(webhook) && html`<${Deliveries} ...${{ route, id, deliveries }} enabled=${found?.enabled ?? true} />`}`;
}
