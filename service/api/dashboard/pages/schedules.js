/** Schedules: the list, and one with its next and last runs. */

import { path, post, send } from "../lib/api.js";
import { print } from "../lib/exact_json.js";
import { html } from "../lib/html.js";
import { leaveAfter, useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { duration } from "../lib/times.js";
import { Action, ScopedButton } from "../ui/action.js";
import { Pages, usePages } from "../ui/paging.js";
import { missing, Panel } from "../ui/panel.js";
import { Facts, Table } from "../ui/table.js";
import { Ago, Moment } from "../ui/time.js";
import { IdLink, QueueLink, TypeLink } from "../ui/words.js";
import { editSchedule } from "./schedule_form.js";

const SECONDS = 5;

/** @param {any} schedule */
function rule(schedule) {
  return schedule.cron === null ? `every ${duration(schedule.every_seconds)}` : `${schedule.cron} (${schedule.timezone})`;
}

/** A fire time that passed since the reading. @param {any} schedule */
function isDue({ paused, next_run_at: next }) {
  return !paused && next !== null && new Date(next).getTime() <= Date.now();
}

/** @type {import("../app/pages.js").PageView} */
export function SchedulesPage({ route }) {
  const schedules = usePages("schedules", route, [], { seconds: SECONDS });
  const columns = [
    { title: "schedule", cell: (/** @type {any} */ schedule) => html`<${IdLink} id=${schedule.name} page="schedules" text=${schedule.name} />${schedule.paused && html`<span class="remark">paused</span>`}` },
    { title: "when", cell: (/** @type {any} */ schedule) => html`<code>${rule(schedule)}</code>` },
    { title: "job", cell: (/** @type {any} */ schedule) => html`<${TypeLink} name=${schedule.job.name} />` },
    { title: "next run", cell: (/** @type {any} */ schedule) => (isDue(schedule) ? "due" : html`<${Ago} at=${schedule.paused ? null : schedule.next_run_at} />`) },
    {
      title: "last runs", cell: (/** @type {any} */ schedule) => (schedule.runs.length === 0 ? html`<span class="none">none</span>` : html`<span class="outcomes">${schedule.runs.slice(0, 8).map((/** @type {any} */ run) => html`
        <${Outcome} key=${run.at} run=${run} />`)}</span>`),
    },
    { title: "", cell: (/** @type {any} */ schedule) => html`<${ScheduleButtons} ...${{ schedule, refresh: schedules.refresh }} />` },
  ];
  const beside = html`<div class="actions"><${ScopedButton} id="new-schedule" scope="schedules:write" click=${async () => (await editSchedule()) && schedules.refresh()}>New schedule<//></div>`;
  return html`<${Panel} id="schedules" title="By name" reading=${schedules} beside=${beside} foot=${html`<${Pages} ...${{ route, reading: schedules }} />`}>${(/** @type {any} */ page) => html`
    <${Table} caption="Schedules" columns=${columns} rows=${page.items} empty="No schedules." keyOf=${(/** @type {any} */ schedule) => schedule.name} />`}<//>`;
}

/** @param {{run: any}} properties */
function Outcome({ run }) {
  const good = ["created", "existing", "replaced"].includes(run.outcome), text = `${run.outcome} at ${run.at}`;
  const mark = good ? "●" : "○";
  return run.job_id === null ? html`<span class=${good ? "up" : "lost"} title=${text}>${mark}<span class="hidden">${run.outcome}</span></span>`
    : html`<a class=${good ? "up" : "lost"} href=${address("jobs", run.job_id)} title=${text} aria-label=${text}>${mark}</a>`;
}

/** @param {{schedule: any, refresh: () => Promise<void>}} properties */
function ScheduleButtons({ schedule, refresh }) {
  const { name, paused } = schedule;
  const label = paused ? "Resume" : "Pause";
  const same = { scope: "schedules:write", then: refresh };
  return html`<span class="actions">
    <${Action} id=${`run-${name}`} label="Run now" name=${`Run ${name} now`} question=${`Run ${name} now?`} detail="One job in addition to the scheduled ones." done=${`${name} runs now.`} act=${() => post(path`schedules/${name}/run-now`)} ...${same} />
    <${Action} id=${`pause-${name}`} label=${label} name=${`${label} schedule ${name}`} question=${`${label} schedule ${name}?`} detail=${paused ? "It fires again from its next fire time." : "It submits no jobs until you resume it."}
      done=${`Schedule ${name} is ${paused ? "resumed" : "paused"}.`} act=${() => post(paused ? path`schedules/${name}/resume` : path`schedules/${name}/pause`)} ...${same} />
    <${ScopedButton} id=${`edit-${name}`} scope="schedules:write" name=${`Edit schedule ${name}`} click=${async () => (await editSchedule(schedule)) && refresh()}>Edit …<//>
  </span>`;
}

/** @type {import("../app/pages.js").PageView} */
export function SchedulePage({ route }) {
  const name = route.id ?? "";
  const schedule = useReading(path`schedules/${name}`, { seconds: SECONDS });
  const found = schedule.data;
  const actions = found && html`<div class="actions"><${ScheduleButtons} ...${{ schedule: found, refresh: schedule.refresh }} />
    <${Action} id="delete-schedule" scope="schedules:write" label="Delete" danger question=${`Delete schedule ${name}?`} detail="Jobs that it submitted stay." done=${`Schedule ${name} is deleted.`}
      act=${() => leaveAfter(() => send("DELETE", path`schedules/${name}`), address("schedules"))} then=${() => undefined} /></div>`;
  return html`
    <${Panel} id="schedule" title="State" name=${`schedule ${name}`} reading=${schedule} beside=${actions}>${(/** @type {any} */ one) => html`<${Facts} rows=${[
      ["state", html`<span class=${`state ${one.paused ? "paused" : "up"}`}>${one.paused ? "paused" : "active"}</span>`],
      ["when", html`<code>${rule(one)}</code>`],
      ["job type", html`<${TypeLink} name=${one.job.name} />`],
      ["queue", one.job.queue ? html`<${QueueLink} name=${one.job.queue} />` : "of the job type, otherwise default"],
      ["missed fire times", { none: "skipped", latest: "the latest one fires", all: "all fire" }[/** @type {"none" | "latest" | "all"} */ (one.catch_up)] ?? one.catch_up],
      ["if a run is unfinished", one.overlap],
      ["from", one.start_at && html`<${Moment} at=${one.start_at} />`],
      ["until", one.end_at && html`<${Moment} at=${one.end_at} />`],
    ]} />`}<//>
    ${!missing(schedule) && html`
      <${Panel} id="next-runs" title="Next runs" reading=${schedule}>${(/** @type {any} */ one) => (one.paused ? html`<p class="empty">None while it is paused.</p>` : html`
        <ol class="timeline">${one.next_runs.map((/** @type {string} */ at) => html`<li key=${at}><${Moment} at=${at} /> <span class="quiet"><${Ago} at=${at} /></span></li>`)}</ol>`)}<//>
      <${Panel} id="runs" title="Last runs" reading=${schedule}>${(/** @type {any} */ one) => html`<${Table} caption="Last runs" rows=${one.runs} empty="None yet." keyOf=${(/** @type {any} */ run) => run.at} columns=${[
        { title: "at", cell: (/** @type {any} */ run) => html`<${Moment} at=${run.at} />` },
        { title: "fire time", cell: (/** @type {any} */ run) => (run.slot === null ? "on request" : html`<${Moment} at=${run.slot} />`) },
        { title: "outcome", cell: (/** @type {any} */ run) => run.outcome },
        { title: "job", cell: (/** @type {any} */ run) => (run.job_id === null ? html`<span class="none">–</span>` : html`<${IdLink} id=${run.job_id} short />`) },
      ]} />`}<//>
      <${Panel} id="job-spec" title="Job" reading=${schedule}>${(/** @type {any} */ one) => html`<pre tabindex="0" class="scroll" aria-label="Job of the schedule" role="group">${print(one.job)}</pre>`}<//>`}`;
}
