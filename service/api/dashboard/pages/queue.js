/** One queue: its counts, history, settings and limits. */

import { History, useHistory } from "../charts/history.js";
import { path, post, send } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html } from "../lib/html.js";
import { counted } from "../lib/numbers.js";
import { leaveAfter, useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { rateLimit } from "../lib/words.js";
import { Action, ScopedButton } from "../ui/action.js";
import { missing, Panel } from "../ui/panel.js";
import { QueueTable } from "../ui/queue_table.js";
import { Facts, Table } from "../ui/table.js";
import { Moment } from "../ui/time.js";
import { TypeLink } from "../ui/words.js";
import { editKey, editQueue } from "./queue_settings.js";

/** @type {import("../app/pages.js").PageView} */
export function QueuePage({ route }) {
  const name = route.id ?? "";
  const queue = useReading(path`queues/${name}`, { concerns: (change) => change.queue === name });
  const history = useHistory(route, [["queue", name]]);
  const data = queue.data, refresh = queue.refresh;
  const edit = data && html`<div class="actions"><${ScopedButton} id="edit-settings" scope="queues:admin" click=${async () => (await editQueue(data)) && refresh()}>Edit settings<//></div>`;
  const addKey = data && html`<div class="actions"><${ScopedButton} id="add-key" scope="queues:admin" click=${async () => (await editKey(data)) && refresh()}>Add limit key<//></div>`;
  return html`
    <${Panel} id="counts" title="Now" name=${`queue ${name}`} reading=${queue} beside=${data && html`<${QueueActions} queue=${data} refresh=${refresh} />`}>${(/** @type {any} */ found) => html`
      <${QueueTable} queues=${[found]} refresh=${refresh} />
      <${Held} queue=${found} refresh=${refresh} />`}<//>
    ${!missing(queue) && html`
      <${History} route=${route} reading=${history} />
      <${Panel} id="settings" title="Settings" reading=${queue} beside=${edit}>${settingFacts}<//>
      <${Panel} id="keys" title="Limit keys" reading=${queue} beside=${addKey}>${(/** @type {any} */ found) => html`<${KeyTable} queue=${found} refresh=${refresh} />`}<//>`}`;
}

/** @param {{queue: any, refresh: () => Promise<void>}} properties */
function QueueActions({ queue, refresh }) {
  const { counts, name } = queue;
  const waiting = counts.queued + counts.scheduled + counts.retrying + counts.blocked;
  const empty = waiting + counts.running + queue.dlq_depth === 0;
  return html`<div class="actions">
    <a href=${address("jobs", null, [["queue", name]])}>Jobs</a>
    ${waiting > 0 && html`<${Action} id="purge" scope="queues:admin" label="Purge" danger typed=${name} question=${`Cancel ${counted(waiting, "waiting job")} of ${name}?`}
      detail="Running jobs continue. Cancelled jobs can be retried until their retention passes." done=${`Queue ${name} is purged.`}
      act=${() => post(path`queues/${name}/purge`, { confirm: name })} then=${refresh} />`}
    ${empty && html`<${Action} id="delete-queue" scope="queues:admin" label="Delete" danger question=${`Delete queue ${name} and its settings?`} done=${`Queue ${name} is deleted.`}
      act=${() => leaveAfter(() => send("DELETE", path`queues/${name}`), address("queues"))} then=${() => undefined} />`}
  </div>`;
}

/** Paused job types and freezes, each with its way out. @param {{queue: any, refresh: () => Promise<void>}} properties */
function Held({ queue, refresh }) {
  const { name, paused_job_types: types, freezes } = queue;
  return html`
    ${types.map((/** @type {string} */ type) => html`<p key=${type} class="line">Job type <${TypeLink} name=${type} /> is paused.
      <${Action} id=${`resume-type-${type}`} scope="queues:admin" label="Resume" name=${`Resume type ${type}`} question=${`Resume ${type} in ${name}?`} done=${`Type ${type} is resumed.`}
        act=${() => post(path`queues/${name}/resume`, { job_type: type })} then=${refresh} /></p>`)}
    ${freezes.map((/** @type {any} */ freeze) => html`<p key=${`${freeze.job_type} ${freeze.limit_key}`} class="line">${freeze.limit_key === null ? `Type ${freeze.job_type}` : `Limit key ${freeze.limit_key}`}
      is rate limited until <${Moment} at=${freeze.until} />.</p>`)}
    ${freezes.length > 0 && html`<${Action} id="resume-freezes" scope="queues:admin" label="End rate limits" question=${`Let the rate limited jobs of ${name} start now?`}
      detail="The service that refused calls may refuse them again." done="Rate limited jobs start again." act=${() => post(path`queues/${name}/resume`)} then=${refresh} />`}`;
}

/** @param {any} queue */
function settingFacts(queue) {
  return html`<${Facts} rows=${[
    ["running jobs at most", queue.max_concurrency ?? "no limit"],
    ["rate", queue.rate_limit === null ? "no limit" : rateLimit(queue.rate_limit)],
    ["max depth", queue.max_depth ?? "no limit"],
    ["one priority point outweighs", queue.priority_aging_seconds === null ? "any wait (strict priority)" : duration(queue.priority_aging_seconds)],
    ["paused job types", queue.paused_job_types.join(", ") || "none"],
    ["defaults", Object.keys(queue.defaults).length === 0 ? "none" : html`<code>${print(queue.defaults)}</code>`],
    ["version", queue.version],
  ]} />`;
}

/** @param {{queue: any, refresh: () => Promise<void>}} properties */
function KeyTable({ queue, refresh }) {
  const rows = [{ key: null, limits: queue.per_key }, ...Object.entries(queue.keys).map(([key, limits]) => ({ key, limits }))];
  const inherited = (/** @type {unknown} */ value, /** @type {(value: any) => string} */ text) => (
    value === undefined ? "same as all keys" : value === null ? "no limit" : text(value)
  );
  const columns = [
    { title: "limit key", cell: (/** @type {any} */ row) => row.key ?? "all other keys" },
    { title: "running jobs at most", cell: (/** @type {any} */ row) => inherited(row.limits.max_concurrency, String) },
    { title: "rate", cell: (/** @type {any} */ row) => inherited(row.limits.rate_limit, rateLimit) },
    {
      title: "", cell: (/** @type {any} */ row) => html`<span class="actions">
        <${ScopedButton} scope="queues:admin" name=${`Edit ${row.key ?? "all other keys"}`} click=${async () => (await editKey(queue, row)) && refresh()}>Edit<//>
        ${row.key !== null && html`<${Action} scope="queues:admin" label="Remove" name=${`Remove ${row.key}`} question=${`Remove the limits of ${row.key}?`} detail="The limits for all keys apply to it."
          done=${`${row.key} has the limits of all keys.`} act=${() => send("PATCH", path`queues/${queue.name}`, { keys: { [row.key]: null } })} then=${refresh} />`}</span>`,
    },
  ];
  return html`<${Table} caption="Limits of limit keys" columns=${columns} rows=${rows} keyOf=${(/** @type {any} */ row) => row.key ?? ""} />`;
}
