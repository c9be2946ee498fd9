/** Creating and editing a schedule. */

import { path, Problem, read, send } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html, useState } from "../lib/html.js";
import { DialogForm, openDialog } from "../ui/dialog.js";
import { Field, numberOf, objectOf } from "../ui/fields.js";
import { notify } from "../ui/notices.js";

const EXAMPLE = { name: "send-report", payload: {} };

/**
 * @param {any} [schedule] absent: a new one
 * @returns {Promise<unknown>} undefined: nothing changed
 */
export function editSchedule(schedule) {
  return openDialog(schedule === undefined ? "New schedule" : `Edit ${schedule.name}`, (close) => html`<${ScheduleForm} ...${{ schedule, close }} />`, "wide");
}

/** @param {string} name */
async function exists(name) {
  try {
    await read(path`schedules/${name}`);
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return false;
    throw error;
  }
}

/** @param {{schedule: any, close: (result?: any) => void}} properties */
function ScheduleForm({ schedule, close }) {
  const fresh = schedule === undefined, old = schedule ?? {};
  const [name, setName] = useState(old.name ?? ""), [cron, setCron] = useState(old.cron ?? "");
  const [every, setEvery] = useState(String(old.every_seconds ?? "")), [zone, setZone] = useState(old.timezone ?? "UTC");
  const [job, setJob] = useState(print(old.job ?? EXAMPLE));
  const [catchUp, setCatchUp] = useState(old.catch_up ?? "none"), [overlap, setOverlap] = useState(old.overlap ?? "allow");
  const [start, setStart] = useState(old.start_at ?? ""), [end, setEnd] = useState(old.end_at ?? "");
  const save = async () => {
    const seconds = numberOf("Every seconds", every);
    const times = { start_at: start.trim() || null, end_at: end.trim() || null };
    const rule = { cron: cron.trim() || null, every_seconds: seconds, timezone: zone.trim() || "UTC" };
    if (fresh && (await exists(name.trim()))) throw new Error(`A schedule named ${name.trim()} exists: edit that one.`);
    // A change that was made meanwhile is not overwritten.
    /** @type {Record<string, string>} */
    const guard = fresh ? {} : { "If-Match": `"${old.version}"` };
    await send("PUT", path`schedules/${name.trim()}`, { ...rule, ...times, job: objectOf("Job", job), catch_up: catchUp, overlap, paused: old.paused ?? false }, guard);
    notify(`Schedule ${name.trim()} is saved.`);
    return true;
  };
  return html`<${DialogForm} verb="Save" ...${{ save, close }}>
    ${fresh && html`<${Field} label="Name" value=${name} set=${setName} required hint="nightly-report" first />`}
    <${Field} label="Cron" value=${cron} set=${setCron} hint="30 2 * * *" help="Minute, hour, day, month, weekday; or @daily and the like. Leave empty for an interval." first=${!fresh} />
    <${Field} label="Every seconds" type="number" value=${every} set=${setEvery} hint="3600" help="Instead of cron." />
    <${Field} label="Time zone" value=${zone} set=${setZone} hint="Europe/Berlin" />
    <${Field} label="Job as JSON" value=${job} set=${setJob} rows=${8} help="As in POST /v1/jobs: name, queue, payload and options." />
    <${Field} label="Missed fire times" value=${catchUp} set=${setCatchUp} choices=${["none", "latest", "all"]} />
    <${Field} label="If a run is unfinished" value=${overlap} set=${setOverlap} choices=${["allow", "skip", "replace"]} />
    <${Field} label="Not before" value=${start} set=${setStart} hint="2026-11-27T09:00:00Z" />
    <${Field} label="Not after" value=${end} set=${setEnd} hint="2026-12-27T09:00:00Z" />
  <//>`;
}
