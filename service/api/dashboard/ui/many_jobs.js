/** Acting on many jobs: those that the reader picked, or all that match a filter, counted first. */

import { once, path, post, send } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { counted } from "../lib/numbers.js";
import { LIVE } from "../lib/words.js";
import { ScopedButton } from "./action.js";
import { BulkProgress } from "./bulk_progress.js";
import { confirmed } from "./dialog.js";
import { notify, notifyFailure } from "./notices.js";

/** Requests at a time. */
const TOGETHER = 4;

/** @typedef {{verb: string, label: string, states: string[], done: string, danger: boolean, act: (id: string) => Promise<unknown>}} Verb */

/** @type {Verb[]} */
const VERBS = [
  { verb: "retry", label: "Retry", states: ["dead", "cancelled"], done: "retried", danger: false, act: (id) => post(path`jobs/${id}/retry`) },
  { verb: "cancel", label: "Cancel", states: LIVE, done: "cancelled", danger: true, act: (id) => post(path`jobs/${id}/cancel`) },
  { verb: "delete", label: "Delete", states: ["succeeded", "dead", "cancelled"], done: "deleted", danger: true, act: (id) => send("DELETE", path`jobs/${id}`) },
];

/**
 * @param {{jobs: {id: string, state: string}[], selection: import("./selection.js").Selection, then: () => Promise<void>, scope?: string}} properties
 */
export function ActOnSelection({ jobs, selection, then, scope = "jobs:write" }) {
  const [done, setDone] = useState(/** @type {{of: number, done: number} | null} */ (null));
  const picked = jobs.filter((job) => selection.has(job.id));
  if (picked.length === 0 && done === null) return null;
  const run = async (/** @type {Verb} */ verb, /** @type {{id: string}[]} */ some) => {
    if (!(await confirmed(`${verb.label} ${counted(some.length, "job")}?`, verb.label, "Only jobs whose state allows it."))) return;
    const left = [...some];
    let failed = 0, last;
    setDone({ of: some.length, done: 0 });
    await Promise.all(Array.from({ length: TOGETHER }, async () => {
      for (let job = left.shift(); job !== undefined; job = left.shift()) {
        try {
          await verb.act(job.id);
        } catch (error) {
          [failed, last] = [failed + 1, error];
        }
        setDone((before) => before && { ...before, done: before.done + 1 });
      }
    }));
    setDone(null);
    selection.set([]);
    if (failed < some.length) notify(`${counted(some.length - failed, "job")} ${verb.done}.`);
    if (failed > 0) notifyFailure(`${counted(failed, "job")} not ${verb.done}`, last);
    await then();
  };
  return html`<div class="selected" role="group" aria-label="Selected jobs">
    ${done !== null ? html`<progress value=${done.done} max=${done.of} aria-label="Progress"></progress> ${done.done} of ${done.of}` : html`
      <strong>${counted(picked.length, "job")} selected</strong>
      ${VERBS.map((verb) => {
        const some = picked.filter((job) => verb.states.includes(job.state));
        return some.length > 0 && html`<${ScopedButton} key=${verb.verb} id=${`${verb.verb}-selected`} scope=${scope} danger=${verb.danger} click=${() => run(verb, some)}>${verb.label} ${some.length}<//>`;
      })}
      <button type="button" onClick=${() => selection.set([])}>Clear selection</button>`}
  </div>`;
}

/**
 * @param {{kind: "jobs" | "dead letters", filter: [string, string][], then: () => Promise<void>}} properties
 */
export function ActOnAll({ filter, then, kind }) {
  const state = filter.find(([name]) => name === "state")?.[1] ?? null;
  const fits = (/** @type {Verb} */ verb) => state === null || verb.states.includes(state);
  const dead = kind === "dead letters";
  const verbs = VERBS.filter((verb) => (dead ? verb.verb !== "cancel" : fits(verb)));
  const [action, setAction] = useState(/** @type {any} */ (null));
  // What a text finds changes with its words; a bulk action needs an exact filter.
  const searching = filter.some(([name]) => name === "search");
  const hint = searching ? "To act on many at once, filter without a text, or by cause." : "Set a filter to act on many at once.";
  return html`
    ${verbs.map((verb) => html`<${ScopedButton} key=${verb.verb} id=${`${verb.verb}-all`} scope=${dead && verb.verb === "retry" ? "dlq:write" : "jobs:write"} danger=${verb.danger}
      disabled=${filter.length === 0 || searching} click=${async () => setAction((await actOnAll(verb.verb, dead, filter)) ?? action)}>${verb.label} all …<//>`)}
    ${(filter.length === 0 || searching) && html`<span class="quiet">${hint}</span>`}
    ${action && html`<${Following} key=${action.id} ...${{ action, then }} />`}`;
}

/** @param {{action: any, then: () => Promise<void>}} properties */
export function Following({ action, then }) {
  return html`<div id="bulk" class="following" aria-live="polite"><${BulkProgress} id=${action.id} first=${action} ended=${then} /></div>`;
}

/**
 * Counted, confirmed and started.
 * @param {string} verb
 * @param {boolean} dead
 * @param {[string, string][]} filter
 * @param {string} [what] they have in common, in words
 * @returns {Promise<any>} the bulk action, or null
 */
export async function actOnAll(verb, dead, filter, what) {
  const { label } = VERBS.find((one) => one.verb === verb) ?? VERBS[0];
  const body = { filter: filterObject(dead && verb !== "retry" ? [...filter, ["state", "dead"]] : filter) };
  const [to, given] = dead && verb === "retry" ? ["dlq/retry", body] : ["bulk-actions", { action: verb, ...body }];
  try {
    const found = await post(to, { ...given, dry_run: true });
    const jobs = `${found.at_least ? "At least " : ""}${counted(found.matched, dead ? "dead job" : "job")}`;
    if (found.matched === 0 && !found.at_least) {
      notify(dead ? "No dead jobs match." : "No jobs match.");
      return null;
    }
    const words = what ?? `Filter: ${filter.map(([name, value]) => `${name} ${value}`).join(", ")}.`;
    const only = verb === "delete" ? "They are gone for good." : `Only jobs whose state allows it then are ${verb === "retry" ? "retried" : "cancelled"}.`;
    if (!(await confirmed(`${jobs} ${found.matched === 1 ? "matches" : "match"}. ${label} ${found.matched === 1 ? "it" : "them all"}?`, `${label} all`, `${words} ${only}`, verb === "delete" ? String(found.matched) : ""))) return null;
    // Sent twice, it is still one action.
    return await post(to, given, once());
  } catch (error) {
    notifyFailure(`${label} all failed`, error);
    return null;
  }
}

/** @param {[string, string][]} filter */
function filterObject(filter) {
  const tags = filter.filter(([name]) => name === "tag").map(([, value]) => value);
  const rest = Object.fromEntries(filter.filter(([name]) => name !== "tag"));
  return tags.length > 0 ? { ...rest, tag: tags } : rest;
}
