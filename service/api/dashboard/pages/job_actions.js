/** What can be done with a job in its state. */

import { path, post, send } from "../lib/api.js";
import { html } from "../lib/html.js";
import { leaveAfter } from "../lib/reading.js";
import { address } from "../lib/route.js";
import { LIVE } from "../lib/words.js";
import { Action, ScopedButton } from "../ui/action.js";
import { editAndRetry } from "../ui/retry_form.js";
import { submitJob } from "../ui/submit_form.js";

/** @param {{job: any, then: () => Promise<void>}} properties */
export function JobActions({ job, then }) {
  const { id, name, state } = job;
  const live = LIVE.includes(state), failed = ["dead", "cancelled"].includes(state);
  const same = { scope: "jobs:write", then };
  return html`<div class="actions">
    ${["scheduled", "retrying"].includes(state) && html`<${Action} id="run-now" label="Run now" question=${`Run ${name} now?`} detail="It starts without waiting for its time."
      done="The job is queued." act=${() => post(path`jobs/${id}/run-now`)} ...${same} />`}
    ${failed && html`<${Action} id="retry" label="Retry" question=${`Run ${name} again?`} detail="The job runs from the start: its failures and crashes are reset."
      done="The job will run again." act=${() => post(path`jobs/${id}/retry`)} ...${same} />`}
    ${failed && job.payload !== null && html`<${ScopedButton} id="edit-and-retry" scope="jobs:write" click=${async () => (await editAndRetry(job)) && then()}>Edit and retry …<//>`}
    ${job.payload !== null && html`<${ScopedButton} id="run-again" scope="jobs:write" click=${() => submitJob(job, `Run ${name} again with changes`)}>Run again with changes …<//>`}
    ${live && html`<${Action} id="cancel" label="Cancel" danger question=${`Cancel ${name}?`}
      detail=${state === "running" ? "Its worker gets a cancel request, and stops the job after the grace period." : "The job will not run."}
      done="Cancellation requested." act=${() => post(path`jobs/${id}/cancel`)} ...${same} />`}
    ${!live && html`<${Action} id="delete" label="Delete" danger question=${`Delete ${name}?`} detail="The job, its result and its log are gone for good." done=${`${id} is deleted.`}
      act=${() => leaveAfter(() => send("DELETE", path`jobs/${id}`), address("jobs", null, [["name", name]]))} scope="jobs:write" then=${() => undefined} />`}
  </div>`;
}
