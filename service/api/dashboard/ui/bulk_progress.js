/** How far a bulk action is, and stopping it. */

import { path, post } from "../lib/api.js";
import { html, useEffect } from "../lib/html.js";
import { count, counted } from "../lib/numbers.js";
import { useReading } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { Action } from "./action.js";

const ACTIVE = ["running", "paused"];
const DONE = /** @type {Record<string, string>} */ ({ retry: "retried", cancel: "cancelled", delete: "deleted" });
const SECONDS = 1;

/** @param {any} action */
export function isActive(action) {
  return ACTIVE.includes(action.state);
}

/** @param {any} action */
export function progressWords({ action, counts }) {
  return `${count(counts.succeeded)} ${DONE[action] ?? action}, ${count(counts.skipped)} skipped`;
}

/** @param {{id: string, first: any, ended: () => unknown}} properties `first`: as it was when it started */
export function BulkProgress({ id, first, ended }) {
  const reading = useReading(path`bulk-actions/${id}`, { seconds: SECONDS, until: (action) => !isActive(action) });
  const action = reading.data ?? first;
  const over = !isActive(action);
  useEffect(() => { if (over) ended(); }, [over]);
  const unknown = reading.error && !over ? " Its progress is unavailable: the key may lack the scope jobs:read." : "";
  return html`<p class="notice done"><span><a href=${address("bulk-actions", id)} class="id">${id}</a> ${action.state}: ${progressWords(action)}.${unknown}</span>
    <${BulkButtons} action=${action} refresh=${reading.refresh} /></p>`;
}

/** @param {{action: any, refresh: () => Promise<void>}} properties */
export function BulkButtons({ action, refresh }) {
  if (!isActive(action)) return null;
  const act = (/** @type {string} */ verb) => () => post(path`bulk-actions/${action.id}` + `/${verb}`);
  const [verb, label] = action.state === "paused" ? ["resume", "Resume"] : ["pause", "Pause"];
  const same = { scope: "jobs:write", then: refresh };
  const done = counted(action.counts.succeeded, "job");
  return html`<span class="actions">
    <${Action} id=${`${verb}-${action.id}`} label=${label} name=${`${label} ${action.id}`} question=${`${label} this bulk action?`} done=${`The bulk action is ${verb}d.`} act=${act(verb)} ...${same} />
    <${Action} id=${`stop-${action.id}`} label="Stop" name=${`Stop ${action.id}`} danger question="Stop this bulk action for good?" detail=${`${done} stay ${DONE[action.action]}.`} done="The bulk action is stopped." act=${act("cancel")} ...${same} />
  </span>`;
}
