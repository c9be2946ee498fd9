/** The deliveries of an endpoint: what was sent, what came back, and sending it again. */

import { path, post } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html, useRef } from "../lib/html.js";
import { addressOf, changed } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { Action } from "../ui/action.js";
import { openDialog } from "../ui/dialog.js";
import { Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { Facts, Table, Text } from "../ui/table.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink } from "../ui/words.js";
import { CALLBACKS, DeliveryState, outcome } from "./webhook_words.js";

/** Between two readings; a delivery that was just sent is about to change. */
const SECONDS = 3, SECONDS_SENT = 0.5;
const STATUSES = ["", "pending", "delivered", "failed"];

/** @param {import("../lib/route.js").Route} route */
function statusOf(route) {
  const asked = route.filter.get("status") ?? "";
  return STATUSES.includes(asked) ? asked : "";
}

/** @param {import("../lib/route.js").Route} route @param {string} id of the endpoint */
export function useDeliveries(route, id) {
  const seconds = useRef(SECONDS);
  const deliveries = usePages(path`webhooks/${id}/deliveries`, route, [["status", statusOf(route)]], { seconds: seconds.current, keep: true });
  const now = Date.now();
  const sent = deliveries.data?.items.some((/** @type {any} */ one) => one.status === "pending" && one.next_attempt_at !== null && new Date(one.next_attempt_at).getTime() <= now);
  seconds.current = sent ? SECONDS_SENT : SECONDS;
  return deliveries;
}

/** @param {{route: import("../lib/route.js").Route, id: string, enabled: boolean, deliveries: import("../lib/reading.js").Reading}} properties */
export function Deliveries({ route, id, enabled, deliveries }) {
  const status = statusOf(route);
  const choice = html`<div class="choice" role="group" aria-label="Status of the deliveries">${STATUSES.map((name) => html`
    <a key=${name} href=${changed(route, { status: name, cursor: "", page: "" })} aria-current=${name === status ? "true" : null}>${name || "all"}</a>`)}</div>`;
  const columns = [
    { title: "event", cell: (/** @type {any} */ delivery) => html`<button type="button" class="link" onClick=${() => showDelivery(delivery)}>${delivery.event}</button>` },
    { title: "of", cell: (/** @type {any} */ delivery) => html`<${Resource} id=${delivery.resource_id} />` },
    ...(id === CALLBACKS ? [{ title: "url", wide: true, cell: (/** @type {any} */ delivery) => html`<${Text} brief text=${delivery.url ?? ""} />` }] : []),
    { title: "status", cell: (/** @type {any} */ delivery) => html`<${DeliveryState} delivery=${delivery} />` },
    { title: "attempts", number: true, cell: (/** @type {any} */ delivery) => delivery.attempts },
    { title: "last attempt", cell: (/** @type {any} */ delivery) => html`<span><${Text} brief text=${outcome(delivery)} />${delivery.last_attempt && html` <span class="quiet"><${Ago} at=${delivery.last_attempt.at} /></span>`}</span>` },
    { title: "next attempt", zero: (/** @type {any} */ delivery) => delivery.next_attempt_at === null, cell: (/** @type {any} */ delivery) => html`<${Ago} at=${delivery.next_attempt_at} />` },
    { title: "created", cell: (/** @type {any} */ delivery) => html`<${Ago} at=${delivery.created_at} />` },
    { title: "", cell: (/** @type {any} */ delivery) => (enabled ? html`<${Resend} ...${{ delivery, then: deliveries.refresh }} />` : null) },
  ];
  return html`<${Panel} id="deliveries" title="Deliveries" reading=${deliveries} beside=${choice} foot=${html`<${Pages} ...${{ route, reading: deliveries }} />`}>${(/** @type {any} */ page) => html`
    <${Table} caption="Deliveries" columns=${columns} rows=${page.items} empty=${status === "" ? "No deliveries yet." : `No ${status} deliveries.`} keyOf=${(/** @type {any} */ delivery) => delivery.id} />`}<//>`;
}

/** A job, flow or fan-out has a page; an endpoint that was tested is this one. @param {{id: string}} properties */
function Resource({ id }) {
  const page = id.startsWith("wh_") ? null : addressOf(id)?.split("/")[1];
  return page ? html`<${IdLink} id=${id} page=${page} short />` : html`<span class="quiet">${id.startsWith("wh_") ? "this endpoint" : id}</span>`;
}

/** @param {{delivery: any, then: () => Promise<void>}} properties */
function Resend({ delivery, then }) {
  const pending = delivery.status === "pending";
  const { id, webhook_id: webhook, event } = delivery;
  return html`<${Action} id=${`resend-${id}`} scope="webhooks:write" label=${pending ? "Attempt now" : "Resend"} name=${`${pending ? "Attempt" : "Resend"} ${id}`} question=${pending ? `Attempt ${event} now?` : `Send ${event} again?`}
    detail="The receiver gets the same webhook-id as before." done=${`${id} is on its way.`} act=${() => post(path`webhooks/${webhook}/deliveries/${id}/resend`)} then=${then} />`;
}

/** @param {any} delivery */
function showDelivery(delivery) {
  const { last_attempt: last } = delivery;
  openDialog(`Delivery of ${delivery.event}`, (close) => html`
    <${Facts} rows=${[
      ["webhook-id", html`<span class="id">${delivery.id}</span>`],
      ["status", html`<${DeliveryState} delivery=${delivery} />`],
      ["url", delivery.url],
      ["attempts", delivery.attempts],
      ["last attempt", last && html`<${Moment} at=${last.at} />`],
      ["outcome", last && `${outcome(delivery)}, after ${duration(last.duration_seconds)}`],
      ["next attempt", delivery.next_attempt_at && html`<${Moment} at=${delivery.next_attempt_at} />`],
      ["created", html`<${Moment} at=${delivery.created_at} />`],
      ["ended", delivery.ended_at && html`<${Moment} at=${delivery.ended_at} />`],
    ]} />
    <h3>What the receiver gets</h3>
    <pre tabindex="0" class="scroll" role="group" aria-label="Body">${print(delivery.body)}</pre>
    <div class="actions"><button type="button" data-first onClick=${() => close()}>Close</button></div>`, "wide");
}
