/** Forms for the settings of a queue and the limits of its limit keys. */

import { path, send } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html, useState } from "../lib/html.js";
import { DialogForm, openDialog } from "../ui/dialog.js";
import { Check, Field, numberOf, objectOf } from "../ui/fields.js";

/** @param {unknown} value */
function text(value) {
  return value === null || value === undefined ? "" : String(value);
}

/**
 * @param {any} queue
 * @returns {Promise<unknown>} undefined: nothing changed
 */
export function editQueue(queue) {
  return openDialog(`Settings of ${queue.name}`, (close) => html`<${QueueForm} ...${{ queue, close }} />`, "wide");
}

/**
 * @param {any} queue
 * @param {{key: string | null, limits: any}} [row] absent: a new one
 */
export function editKey(queue, row) {
  const title = row === undefined ? `New limit key of ${queue.name}` : `Limits of ${row.key ?? "all other keys"}`;
  return openDialog(title, (close) => html`<${KeyForm} ...${{ queue, row, close }} />`, "wide");
}

/** The fields of a rate limit. @param {any} limit */
function useRate(limit) {
  const [number, setNumber] = useState(text(limit?.limit)), [per, setPer] = useState(text(limit?.per_seconds ?? 1));
  const [smooth, setSmooth] = useState(limit?.smooth ?? false);
  return {
    fields: html`
      <${Field} label="Starts at most" type="number" value=${number} set=${setNumber} hint="no limit" />
      <${Field} label="per seconds" type="number" value=${per} set=${setPer} />
      <${Check} label="Evenly spaced" checked=${smooth} set=${setSmooth} />`,
    read() {
      const starts = numberOf("Starts at most", number);
      return starts === null ? null : { limit: starts, per_seconds: numberOf("per seconds", per) ?? 1, smooth };
    },
  };
}

/** @param {{queue: any, close: (result?: any) => void}} properties */
function QueueForm({ queue, close }) {
  const [most, setMost] = useState(text(queue.max_concurrency)), [depth, setDepth] = useState(text(queue.max_depth));
  const [aging, setAging] = useState(text(queue.priority_aging_seconds));
  const [defaults, setDefaults] = useState(Object.keys(queue.defaults).length === 0 ? "" : print(queue.defaults));
  const rate = useRate(queue.rate_limit);
  const save = () => send("PATCH", path`queues/${queue.name}`, {
    max_concurrency: numberOf("Running jobs at most", most),
    rate_limit: rate.read(),
    max_depth: numberOf("Max depth", depth),
    priority_aging_seconds: numberOf("Aging", aging),
    defaults: objectOf("Defaults", defaults),
  }, { "If-Match": `"${queue.version}"` });
  return html`<${DialogForm} verb="Save" ...${{ save, close }}>
    <${Field} label="Running jobs at most" type="number" value=${most} set=${setMost} hint="no limit" help="Across all workers." first />
    <fieldset><legend>Rate limit</legend>${rate.fields}</fieldset>
    <${Field} label="Max depth" type="number" value=${depth} set=${setDepth} hint="no limit" help="More waiting jobs than this are refused." />
    <${Field} label="Aging in seconds" type="number" value=${aging} set=${setAging} hint="strict priority" help="How long a job waits until that outweighs one point of priority." />
    <${Field} label="Defaults as JSON" value=${defaults} set=${setDefaults} rows=${4} help="priority, timeout_seconds and retry of jobs that set none." />
  <//>`;
}

/** @param {{queue: any, row?: {key: string | null, limits: any}, close: (result?: any) => void}} properties */
function KeyForm({ queue, row, close }) {
  const [key, setKey] = useState(row?.key ?? ""), [most, setMost] = useState(text(row?.limits.max_concurrency));
  const rate = useRate(row?.limits.rate_limit);
  const save = () => {
    const limits = { max_concurrency: numberOf("Running jobs at most", most), rate_limit: rate.read() };
    return send("PATCH", path`queues/${queue.name}`, row?.key === null ? { per_key: limits } : { keys: { [row?.key ?? key]: limits } });
  };
  return html`<${DialogForm} verb="Save" ...${{ save, close }}>
    ${row === undefined && html`<${Field} label="Limit key" value=${key} set=${setKey} required hint="tenant-1" first />`}
    <${Field} label="Running jobs at most" type="number" value=${most} set=${setMost} hint="no limit" first=${row !== undefined} />
    <fieldset><legend>Rate limit</legend>${rate.fields}</fieldset>
  <//>`;
}
