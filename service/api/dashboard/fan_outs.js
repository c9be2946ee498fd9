/** Fan-outs: the list, and one with how far it is and what failed. */

import { path, read } from "./api.js";
import { element } from "./element.js";
import { jobTable } from "./jobs.js";
import { showPages } from "./paging.js";
import { Panel } from "./panel.js";
import { keepSubject } from "./subject.js";
import { facts, table } from "./table.js";
import { moment } from "./times.js";
import { address } from "./route.js";
import { badge, count, countBar, countWords, jobLink, queueLink } from "./words.js";

/** @param {any} counts */
function ended(counts) {
  return counts.succeeded + counts.dead + counts.cancelled;
}

/** @param {any} fanOut */
function progress({ counts }) {
  const share = counts.total === 0 ? 0 : Math.floor((ended(counts) / counts.total) * 100);
  return [
    element("progress", { value: ended(counts), max: Math.max(1, counts.total), "aria-label": "Finished items" }),
    ` ${share} %: ${count(ended(counts))} of ${count(counts.total)} ended`,
  ];
}

/** @type {import("./main.js").View} */
export function showFanOuts(main, _route, left) {
  const fanOuts = new Panel("fan-outs", "Newest first");
  main.append(fanOuts.element);
  showPages(fanOuts, left, "fan-outs", [], (items) => table("Fan-outs", [
    { title: "fan-out", cell: (fanOut) => element("a", { href: address("fan-outs", fanOut.id), class: "id" }, fanOut.id) },
    { title: "name", cell: (fanOut) => fanOut.name },
    { title: "queue", cell: (fanOut) => queueLink(fanOut.queue) },
    { title: "state", cell: (fanOut) => badge(fanOut.state) },
    { title: "progress", cell: progress },
    { title: "dead", number: true, cell: (fanOut) => count(fanOut.counts.dead) },
    { title: "created", cell: (fanOut) => moment(fanOut.created_at) },
    { title: "finished", cell: (fanOut) => moment(fanOut.finished_at) },
  ], items, "No fan-outs."));
}

/** @type {import("./main.js").View} */
export function showFanOut(main, route, left) {
  const id = route.id ?? "";
  const summary = new Panel("fan-out", "State"), failed = new Panel("failed", "Dead items");
  main.append(summary.element, failed.element);
  let listed = false;
  keepSubject(left, { kind: "fan-out", id, panel: summary, parts: [failed] }, async () => {
    const fanOut = await read(path`fan-outs/${id}`, { signal: left });
    summary.show(fanOutFacts(fanOut));
    if (!listed) showPages(failed, left, path`fan-outs/${id}/jobs`, [["state", "dead"]], jobTable);
    listed = true;
    return ["open", "running"].includes(fanOut.state);
  });
}

/** @param {any} fanOut */
function fanOutFacts(fanOut) {
  const { count: number, percent } = fanOut.failure_tolerance;
  const tolerated = [number !== null && `${number} items`, percent !== null && `${percent} %`].filter(Boolean).join(", ");
  return facts([
    ["state", [badge(fanOut.state), fanOut.sealed ? "" : " more items follow"]],
    ["progress", progress(fanOut)],
    ["items", [countBar(fanOut.counts), countWords(fanOut.counts)]],
    ["name", fanOut.name],
    ["queue", queueLink(fanOut.queue)],
    ["most running items", fanOut.max_concurrency ?? "no limit"],
    ["failures tolerated", tolerated || "none; a failure cancels no items"],
    ["follow-up", fanOut.then_job_id === null ? "none" : jobLink(fanOut.then_job_id)],
    ["created", moment(fanOut.created_at)],
    ["finished", fanOut.finished_at && moment(fanOut.finished_at)],
    ["all items", element("a", { href: address("jobs", null, [["fan_out_id", fanOut.id]]) }, "as a list")],
  ]);
}
