/** Running a job again with another payload, in another queue, or later. */

import { path, post } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html, useState } from "../lib/html.js";
import { DialogForm, openDialog } from "./dialog.js";
import { Field, numberOf, objectOf } from "./fields.js";
import { notify } from "./notices.js";

/**
 * @param {{id: string, name: string, queue: string, payload: any}} job dead or cancelled
 * @returns {Promise<unknown>} undefined: nothing changed
 */
export function editAndRetry(job) {
  return openDialog(`Edit and retry ${job.name}`, (close) => html`<${RetryForm} ...${{ job, close }} />`, "wide");
}

/** @param {{job: {id: string, name: string, queue: string, payload: any}, close: (result?: any) => void}} properties */
function RetryForm({ job, close }) {
  const [payload, setPayload] = useState(print(job.payload)), [queue, setQueue] = useState(job.queue), [delay, setDelay] = useState("0");
  const save = async () => {
    // An unchanged payload is sent as it was stored.
    const changed = payload === print(job.payload) ? {} : { payload: objectOf("Payload", payload) };
    await post(path`jobs/${job.id}/retry`, { ...changed, queue, delay_seconds: numberOf("Delay", delay) ?? 0 });
    notify(`${job.id} will run again.`);
    return true;
  };
  return html`<${DialogForm} verb="Retry" ...${{ save, close }}>
    <p>The same job runs from the start: its failures and crashes are reset.</p>
    <${Field} label="Payload" value=${payload} set=${setPayload} rows=${10} first />
    <${Field} label="Queue" value=${queue} set=${setQueue} required />
    <${Field} label="Delay in seconds" type="number" value=${delay} set=${setDelay} />
  <//>`;
}
