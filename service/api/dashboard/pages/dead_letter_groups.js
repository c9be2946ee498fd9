/** Dead letters by cause: how many of each, since when, and acting on all of one. */

import { html, useState } from "../lib/html.js";
import { count, counted } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { changed } from "../lib/route.js";
import { list } from "../lib/words.js";
import { ScopedButton } from "../ui/action.js";
import { actOnAll, Following } from "../ui/many_jobs.js";
import { filterOf } from "../ui/paging.js";
import { missing, Panel } from "../ui/panel.js";
import { Table, Text } from "../ui/table.js";
import { Ago } from "../ui/time.js";
import { IdLink, TypeLink } from "../ui/words.js";

const SECONDS = 5, LIMIT = "100";
const ORDERS = /** @type {Record<string, string>} */ ({ count: "most first", last_seen: "latest first", first_seen: "newest cause first" });

/** @param {{route: import("../lib/route.js").Route, then: () => Promise<void>}} properties */
export function Groups({ route, then }) {
  const asked = route.filter.get("causes") ?? "count", order = Object.hasOwn(ORDERS, asked) ? asked : "count";
  const filter = filterOf(route, ["queue", "name", "search"]);
  const groups = useReading("dlq/groups", {
    parameters: [...filter, ["order", order], ["limit", LIMIT]], seconds: SECONDS, keep: true, concerns: (change) => change.type === "job.dead", steady: true,
  });
  // An API of an earlier version does not group.
  if (missing(groups)) return null;
  const beside = html`<div class="choice" role="group" aria-label="Order">${Object.entries(ORDERS).map(([name, title]) => html`
    <a key=${name} href=${changed(route, { causes: name === "count" ? "" : name })} aria-current=${name === order ? "true" : null}>${title}</a>`)}</div>`;
  return html`<${Panel} id="causes" title="By cause" reading=${groups} beside=${beside}>${(/** @type {any} */ page) => html`
    <${GroupTable} groups=${page.items} narrowed=${filter.length > 0}
      route=${route} then=${async () => { await Promise.all([groups.refresh(), then()]); }} />
    ${page.next_cursor !== null && html`<p class="quiet">Only the first ${LIMIT} causes are shown.</p>`}`}<//>`;
}

/** @param {any} group */
function words(group) {
  if (group.error_type === null && group.message === null) return group.reason ?? "no error";
  return `${group.error_type ?? "error"}: ${group.message ?? ""}`;
}

/** @param {{groups: any[], narrowed: boolean, route: import("../lib/route.js").Route, then: () => Promise<void>}} properties */
function GroupTable({ groups, narrowed, route, then }) {
  const shown = route.filter.get("fingerprint");
  const [action, setAction] = useState(/** @type {any} */ (null));
  const act = async (/** @type {any} */ group, /** @type {string} */ verb) => {
    const started = await actOnAll(verb, true, [["fingerprint", group.fingerprint]], `${group.name ?? "Jobs"} with ${words(group).slice(0, 120)}.`);
    if (started) setAction(started);
  };
  const columns = [
    { title: "count", number: true, cell: (/** @type {any} */ group) => html`<strong class="big">${count(group.count)}</strong>` },
    {
      title: "error", cell: (/** @type {any} */ group) => html`<a href=${changed(route, { fingerprint: group.fingerprint, cursor: "", page: "" })} aria-current=${group.fingerprint === shown ? "true" : null}>
        <${Text} brief text=${words(group)} /></a>
        <div class="quiet">${list(group.queues, 2)}${group.versions.length > 0 && `, version ${list(group.versions, 2)}`}</div>`,
    },
    { title: "job type", cell: (/** @type {any} */ group) => (group.name === null ? "several" : html`<${TypeLink} name=${group.name} />`) },
    { title: "first seen", cell: (/** @type {any} */ group) => html`<${Ago} at=${group.first_seen_at} />` },
    { title: "last seen", cell: (/** @type {any} */ group) => html`<${Ago} at=${group.last_seen_at} />` },
    { title: "latest", wide: true, cell: (/** @type {any} */ group) => html`<${IdLink} id=${group.example_job_id} short />` },
    {
      title: "", cell: (/** @type {any} */ group) => html`<span class="actions">
        <${ScopedButton} scope="dlq:write" name=${`Retry ${counted(group.count, "job")} with ${words(group)}`} click=${() => act(group, "retry")}>Retry all<//>
        <${ScopedButton} scope="jobs:write" danger name=${`Delete ${counted(group.count, "job")} with ${words(group)}`} click=${() => act(group, "delete")}>Delete all<//></span>`,
    },
  ];
  return html`
    ${action && html`<${Following} key=${action.id} ...${{ action, then }} />`}
    <${Table} caption="Causes of dead letters" columns=${columns} rows=${groups} keyOf=${(/** @type {any} */ group) => group.fingerprint}
      empty=${narrowed ? "No cause matches the filter." : "No dead letters."} />`;
}
