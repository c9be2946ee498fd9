/** What can be done with a job in its state. */

import { actionButton } from "./action.js";
import { path, post } from "./api.js";
import { LIVE } from "./words.js";

/**
 * @param {any} job
 * @param {() => Promise<void>} then
 */
export function jobActions(job, then) {
  const { id, name, state } = job;
  return [
    ["scheduled", "retrying"].includes(state) && actionButton({
      id: "run-now", label: "Run now", question: `Run ${name} now?`, detail: "It starts without waiting for its time.",
      told: "The job is queued.", act: () => post(path`jobs/${id}/run-now`), then,
    }),
    ["dead", "cancelled"].includes(state) && actionButton({
      id: "retry", label: "Retry", question: `Run ${name} again?`, detail: "The job runs from the start: its failures and crashes are reset.",
      told: "The job will run again.", act: () => post(path`jobs/${id}/retry`), then,
    }),
    LIVE.includes(state) && actionButton({
      id: "cancel", label: "Cancel", question: `Cancel ${name}?`, danger: true,
      detail: state === "running" ? "Its worker gets a cancel request, and stops the job after the grace period." : "The job will not run.",
      told: "Cancellation requested.", act: () => post(path`jobs/${id}/cancel`), then,
    }),
  ];
}
