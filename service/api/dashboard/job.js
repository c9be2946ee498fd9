/** One job: what it is, why it is where it is, what it tried, and what can be done. */

import { path, read } from "./api.js";
import { jobActions } from "./job_actions.js";
import { showAttempts, showExplanation, showLogs, showValues } from "./job_parts.js";
import { element, replace } from "./element.js";
import { Panel } from "./panel.js";
import { keepSubject } from "./subject.js";
import { facts } from "./table.js";
import { moment } from "./times.js";
import { address } from "./route.js";
import { badge, LIVE, queueLink, tagList } from "./words.js";

/** @type {import("./main.js").View} */
export function showJob(main, route, left) {
  const id = route.id ?? "";
  const actions = element("div", { class: "actions" });
  const summary = new Panel("job", "State", actions);
  const parts = [
    { panel: new Panel("explanation", "Why is it in this state?"), address: path`jobs/${id}/explain`, show: showExplanation },
    { panel: new Panel("attempts", "Failed attempts"), address: path`jobs/${id}/attempts`, show: showAttempts },
    { panel: new Panel("logs", "Log"), address: path`jobs/${id}/logs`, show: showLogs },
  ];
  const values = new Panel("values", "Payload and result");
  main.append(summary.element, ...parts.map((part) => part.panel.element), values.element);

  /** @type {number | null} */
  let finishedAs = null;
  const load = async () => {
    const job = await read(path`jobs/${id}`, { signal: left });
    // What a finished job left behind changes with its version alone; why one waits changes with others.
    if (finishedAs === job.version) return summary.show(jobFacts(job));
    finishedAs = LIVE.includes(job.state) ? null : job.version;
    replace(actions, ...jobActions(job, load));
    summary.show(jobFacts(job));
    showValues(values, job);
    await Promise.all(parts.map(async ({ panel, address: from, show }) => {
      try {
        show(panel, await read(from, { signal: left }));
      } catch (error) {
        finishedAs = null;
        if (!left.aborted) panel.fail(error);
      }
    }));
  };
  // A finished job too: somebody else may run it again.
  keepSubject(left, { kind: "job", id, panel: summary, parts: [...parts.map((part) => part.panel), values] }, load);
}

/** @param {any} job */
function jobFacts(job) {
  const progress = job.progress;
  /** @type {[string, import("./element.js").Child | import("./element.js").Child[]][]} */
  const due = LIVE.includes(job.state) ? [["due", moment(job.run_at)]] : [];
  return facts([
    ["state", [badge(job.state), job.state_reason && ` ${job.state_reason}`]],
    ["name", job.name],
    ["queue", queueLink(job.queue)],
    ["priority", job.priority],
    ["attempt", `${job.attempt} of ${job.max_attempts}`],
    ["failures, interruptions, crashes", `${job.failures}, ${job.interruptions}, ${job.crashes}`],
    ["deliveries", job.deliveries],
    ["error", job.error && element("span", { class: "text" }, `${job.error.type}: ${job.error.message}`)],
    ["progress", progress && [
      progress.total > 0 && element("progress", { value: progress.current, max: progress.total, "aria-label": "Progress" }),
      ` ${progress.current}${progress.total === null ? "" : ` of ${progress.total}`} ${progress.message ?? ""}`,
    ]],
    ["worker", job.worker_id && element("span", { class: "id" }, job.worker_id)],
    ["flow", job.flow_id && [element("a", { href: address("flows", job.flow_id), class: "id" }, job.flow_id), ` ${job.flow_key ?? ""}`]],
    ["fan-out", job.fan_out_id && [element("a", { href: address("fan-outs", job.fan_out_id), class: "id" }, job.fan_out_id), ` ${job.fan_out_index ?? "follow-up"}`]],
    ["tags", Object.keys(job.tags).length === 0 ? null : tagList(job.tags)],
    ["trace", job.trace_id && element("span", { class: "id" }, job.trace_id)],
    ["created", moment(job.created_at)],
    ...due,
    ["queued", job.queued_at && moment(job.queued_at)],
    ["started", job.started_at && moment(job.started_at)],
    ["finished", job.finished_at && moment(job.finished_at)],
    ["expires", job.expires_at && moment(job.expires_at)],
    ["cancel requested", job.cancel_requested_at && moment(job.cancel_requested_at)],
    ["cancel reason", job.cancel_message],
  ]);
}
