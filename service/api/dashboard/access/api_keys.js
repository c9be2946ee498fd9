/** API keys of the namespace: the list, and one key. */

import { path, post, send } from "../lib/api.js";
import { html } from "../lib/html.js";
import { leaveAfter, useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { Action, ScopedButton } from "../ui/action.js";
import { askForOverlap } from "../ui/overlap_form.js";
import { Pages, usePages } from "../ui/paging.js";
import { Panel } from "../ui/panel.js";
import { showSecret } from "../ui/secret.js";
import { Facts, Table, Text } from "../ui/table.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink, QueueLink, TypeLink } from "../ui/words.js";
import { createKey } from "./api_key_form.js";

const SCOPE = "keys:admin";

/** @param {any} key */
function showKey(key) {
  return showSecret(`API key ${key.name}`, key.key, "Clients send it as Authorization: Bearer.");
}

/** @type {import("../app/pages.js").PageView} */
export function ApiKeysPage({ route }) {
  const keys = usePages("api-keys", route, []);
  const columns = [
    { title: "name", cell: (/** @type {any} */ key) => html`<${IdLink} id=${key.id} page="api-keys" text=${key.name} /> <${IdLink} id=${key.id} page="api-keys" short />` },
    { title: "scopes", cell: (/** @type {any} */ key) => html`<${Text} brief text=${key.scopes.join(", ")} />` },
    { title: "restricted to", zero: (/** @type {any} */ key) => restrictions(key) === "", cell: (/** @type {any} */ key) => restrictions(key) || html`<span class="none">–</span>` },
    { title: "expires", cell: (/** @type {any} */ key) => html`<${Expiry} at=${key.expires_at} />` },
    { title: "last used", cell: (/** @type {any} */ key) => (key.last_used_at === null ? html`<span class="none">never</span>` : html`<${Ago} at=${key.last_used_at} />`) },
    { title: "created", cell: (/** @type {any} */ key) => html`<${Ago} at=${key.created_at} />` },
    { title: "", cell: (/** @type {any} */ key) => html`<${KeyButtons} apiKey=${key} then=${keys.refresh} />` },
  ];
  const create = async () => {
    const made = await createKey();
    if (made === undefined) return;
    await showKey(made);
    await keys.refresh();
  };
  const beside = html`<div class="actions"><${ScopedButton} id="new-key" scope=${SCOPE} click=${create}>New API key<//></div>`;
  const foot = html`<${Pages} ...${{ route, reading: keys }} />`;
  return html`<${Panel} id="api-keys" title="Newest first" reading=${keys} ...${{ beside, foot }}>${(/** @type {any} */ page) => html`
    <${Table} caption="API keys" columns=${columns} rows=${page.items} empty="No API keys." keyOf=${(/** @type {any} */ key) => key.id} />`}<//>`;
}

/** @param {any} key */
function restrictions(key) {
  const parts = [["queues", key.queues], ["job types", key.names]];
  return parts.filter(([, names]) => names !== null).map(([what, names]) => `${what} ${names.join(", ")}`).join("; ");
}

/** @param {{at: string | null}} properties */
function Expiry({ at }) {
  if (at === null) return html`<span class="none">never</span>`;
  const over = new Date(at).getTime() <= Date.now();
  return over ? html`<span><span class="state failed">expired</span> <span class="quiet"><${Ago} at=${at} /></span></span>` : html`<${Ago} at=${at} />`;
}

/** @param {{apiKey: any, then: () => Promise<void>, leave?: boolean}} properties `leave`: what is shown exists no longer after a revocation */
function KeyButtons({ apiKey: key, then, leave = false }) {
  const rotate = async () => {
    const rotated = await askForOverlap(`Rotate ${key.name}?`, "Its ID, scopes and restrictions stay.", "not at all", (seconds) => post(path`api-keys/${key.id}/rotate`, { overlap_seconds: seconds }));
    if (rotated !== undefined) await showKey(rotated);
    await then();
  };
  const revoke = () => send("DELETE", path`api-keys/${key.id}`);
  return html`<span class="actions">
    <${ScopedButton} id=${`rotate-${key.id}`} scope=${SCOPE} name=${`Rotate ${key.name}`} click=${rotate}>Rotate …<//>
    <${Action} id=${`revoke-${key.id}`} scope=${SCOPE} label="Revoke" name=${`Revoke ${key.name}`} danger question=${`Revoke ${key.name}?`}
      detail="API processes may accept it for up to five more seconds." done=${`${key.name} is revoked.`} act=${leave ? () => leaveAfter(revoke, address("api-keys")) : revoke} then=${leave ? () => undefined : then} />
  </span>`;
}

/** @type {import("../app/pages.js").PageView} */
export function ApiKeyPage({ route }) {
  const id = route.id ?? "";
  const key = useReading(path`api-keys/${id}`, { seconds: 10 });
  const actions = key.data && html`<div class="actions"><${KeyButtons} apiKey=${key.data} then=${key.refresh} leave /></div>`;
  const links = (/** @type {string[] | null} */ names, /** @type {any} */ Link) => (names === null ? "all" : html`<span class="names">${names.map((name) => html`<${Link} key=${name} name=${name} />`)}</span>`);
  return html`<${Panel} id="api-key" title="State" name=${`API key ${id}`} reading=${key} beside=${actions}>${(/** @type {any} */ found) => html`<${Facts} rows=${[
    ["name", found.name],
    ["namespace", found.namespace],
    ["scopes", html`<span class="names">${found.scopes.map((/** @type {string} */ scope) => html`<code key=${scope}>${scope}</code>`)}</span>`],
    ["queues", links(found.queues, QueueLink)],
    ["job types", links(found.names, TypeLink)],
    ["expires", html`<${Expiry} at=${found.expires_at} />`],
    ["last used", found.last_used_at === null ? "never" : html`<${Ago} at=${found.last_used_at} />`],
    ["created", html`<${Moment} at=${found.created_at} />`],
    ["created by", found.created_by ?? "no key, as on the command line"],
    ["rotated", found.rotated_at && html`<${Moment} at=${found.rotated_at} />`],
    ["old secret works until", found.previous_expires_at && html`<${Moment} at=${found.previous_expires_at} />`],
  ]} />`}<//>`;
}
