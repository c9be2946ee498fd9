/** Cancelling, retrying and deleting a flow or a fan-out. */

import { path, post, send } from "../lib/api.js";
import { html } from "../lib/html.js";
import { leaveAfter } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { Action } from "./action.js";

/** @param {{kind: "flow" | "fan-out", page: "flows" | "fan-outs", group: any, then: () => Promise<void>}} properties */
export function GroupActions({ kind, page, group, then }) {
  const { id, state, counts } = group;
  const ended = ["succeeded", "failed", "cancelled"].includes(state), what = kind === "flow" ? "job" : "item";
  const at = (/** @type {string} */ verb) => path`${page}/${id}` + verb;
  const same = { scope: "jobs:write", then };
  return html`<div class="actions">
    <a href=${address("jobs", null, [[kind === "flow" ? "flow_id" : "fan_out_id", id]])}>All ${what}s as a list</a>
    ${ended && state !== "succeeded" && html`<${Action} id="retry-group" label="Retry" question=${`Retry this ${kind}?`}
      detail=${`Every ${what} that did not succeed runs again: ${counts.dead + counts.cancelled}.`} done=${`The ${kind} runs again.`} act=${() => post(at("/retry"))} ...${same} />`}
    ${!ended && html`<${Action} id="cancel-group" label="Cancel" danger question=${`Cancel this ${kind}?`}
      detail=${`No further ${what} starts; ${counts.running} running ones get a cancel request.`} done=${`The ${kind} is cancelled.`} act=${() => post(at("/cancel"))} ...${same} />`}
    ${ended && html`<${Action} id="delete-group" label="Delete" danger question=${`Delete this ${kind} and its ${counts.total} ${what}s?`} detail="Their results are gone for good." done=${`${id} is deleted.`}
      act=${() => leaveAfter(() => send("DELETE", at("")), address(page))} scope="jobs:write" then=${() => undefined} />`}
  </div>`;
}
