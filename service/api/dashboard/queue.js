/** One queue: its counts and settings. */

import { path, read } from "./api.js";
import { element } from "./element.js";
import { print } from "./exact_json.js";
import { Panel } from "./panel.js";
import { queueTable, rateLimit } from "./queue_table.js";
import { keepSubject } from "./subject.js";
import { facts, table } from "./table.js";
import { duration } from "./times.js";

/** @type {import("./main.js").View} */
export function showQueue(main, route, left) {
  const name = route.id ?? "";
  const counts = new Panel("counts", "Now"), settings = new Panel("settings", "Settings"), keys = new Panel("keys", "Limit keys");
  main.append(counts.element, settings.element, keys.element);
  const load = async () => {
    const queue = await read(path`queues/${name}`, { signal: left });
    counts.show(queueTable([queue], load));
    settings.show(settingFacts(queue));
    keys.show(keyTable(queue));
  };
  keepSubject(left, { kind: "queue", id: name, panel: counts, parts: [settings, keys] }, load);
}

/** @param {any} queue */
function settingFacts(queue) {
  return facts([
    ["most running items", queue.max_concurrency ?? "no limit"],
    ["rate", queue.rate_limit === null ? "no limit" : rateLimit(queue.rate_limit)],
    ["max depth", queue.max_depth ?? "no limit"],
    ["one priority point outweighs", queue.priority_aging_seconds === null ? "any wait (strict priority)" : duration(queue.priority_aging_seconds)],
    ["paused job types", queue.paused_job_types.join(", ") || "none"],
    ["rate limited", queue.freezes.map(freezeText).join(", ") || "nothing"],
    ["defaults", Object.keys(queue.defaults).length === 0 ? "none" : element("code", {}, print(queue.defaults))],
    ["version", queue.version],
  ]);
}

/** @param {any} freeze */
function freezeText(freeze) {
  const what = freeze.limit_key === null ? `type ${freeze.job_type}` : `limit key ${freeze.limit_key}`;
  return `${what} until ${freeze.until}`;
}

/** @param {any} queue */
function keyTable(queue) {
  const rows = [["all other keys", queue.per_key], ...Object.entries(queue.keys)].map(([key, limits]) => ({ key, limits }));
  const inherited = (/** @type {unknown} */ value, /** @type {(value: any) => string} */ text) => (
    value === undefined ? "same as all keys" : value === null ? "no limit" : text(value)
  );
  return table("Limits of limit keys", [
    { title: "limit key", cell: (row) => row.key },
    { title: "most running items", cell: (row) => inherited(row.limits.max_concurrency, String) },
    { title: "rate", cell: (row) => inherited(row.limits.rate_limit, rateLimit) },
  ], rows);
}
