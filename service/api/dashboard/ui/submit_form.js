/** Submitting a job: a new one, or one like another with changes. */

import { once, post, read } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html, useEffect, useState } from "../lib/html.js";
import { address, go } from "../lib/route.js";
import { DialogForm, openDialog } from "./dialog.js";
import { Field, numberOf, objectOf, tagsOf } from "./fields.js";
import { notify } from "./notices.js";

/**
 * @param {{name?: string, queue?: string, payload?: any, priority?: number, tags?: Record<string, string>, limit_key?: string | null}} [like]
 * @param {string} [title]
 */
export async function submitJob(like = {}, title = "Submit a job") {
  const id = await openDialog(title, (close) => html`<${SubmitForm} ...${{ like, close }} />`, "wide");
  if (typeof id !== "string") return;
  notify(`${id} is submitted.`);
  go(address("jobs", id));
}

/** @param {{like: any, close: (result?: any) => void}} properties */
function SubmitForm({ like, close }) {
  const [name, setName] = useState(like.name ?? ""), [queue, setQueue] = useState(like.queue ?? "");
  const [payload, setPayload] = useState(print(like.payload ?? {})), [priority, setPriority] = useState(String(like.priority ?? ""));
  const [delay, setDelay] = useState(""), [key, setKey] = useState(like.limit_key ?? "");
  const [tags, setTags] = useState(Object.entries(like.tags ?? {}).map(([tag, value]) => `${tag}:${value}`).join("\n"));
  const [types, setTypes] = useState(/** @type {any[]} */ ([])), [header] = useState(once);
  // Suggestions only: without the scope, the name is typed.
  useEffect(() => { read("job-types").then((page) => setTypes(page.items), () => undefined); }, []);
  const type = types.find((one) => one.name === name);
  const save = async () => {
    const optional = Object.entries({ queue, limit_key: key }).filter(([, value]) => value !== "");
    const numbers = Object.entries({ priority: numberOf("Priority", priority), delay_seconds: numberOf("Delay", delay) }).filter(([, value]) => value !== null);
    const job = await post("jobs", { name, payload: objectOf("Payload", payload), tags: tagsOf(tags), ...Object.fromEntries([...optional, ...numbers]) }, header);
    return job.id;
  };
  return html`<${DialogForm} verb="Submit" ...${{ save, close }}>
    <${Field} label="Job type" value=${name} set=${setName} required suggestions=${types.map((one) => one.name)} help=${type?.description} first />
    <${Field} label="Queue" value=${queue} set=${setQueue} hint="of the job type, otherwise default" />
    <${Field} label="Payload" value=${payload} set=${setPayload} rows=${8} help=${fieldsOf(type)} />
    <${Field} label="Priority" type="number" value=${priority} set=${setPriority} hint="100" help="0 to 1000; lower runs first." />
    <${Field} label="Delay in seconds" type="number" value=${delay} set=${setDelay} hint="0" />
    <${Field} label="Tags, one per line" value=${tags} set=${setTags} rows=${2} hint="key:value" />
    <${Field} label="Limit key" value=${key} set=${setKey} hint="none" />
  <//>`;
}

/** The payload's fields, as the job type publishes them. @param {any} type */
function fieldsOf(type) {
  const properties = Object.entries(type?.payload_schema?.properties ?? {});
  if (properties.length === 0) return null;
  const required = new Set(type.payload_schema.required ?? []);
  return `Fields: ${properties.map(([name, schema]) => `${name} (${/** @type {any} */ (schema).type ?? "any"}${required.has(name) ? ", required" : ""})`).join(", ")}.`;
}
