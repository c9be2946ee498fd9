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
      id: "run-now", label: "Run now", question: `Run ${name} now?`, detail: "It does not wait for its time.",
      told: "It is queued.", act: () => post(path`jobs/${id}/run-now`), then,
    }),
    ["dead", "cancelled"].includes(state) && actionButton({
      id: "retry", label: "Retry", question: `Run ${name} again?`, detail: "A new run: its failures and crashes are counted from 0.",
      told: "It runs again.", act: () => post(path`jobs/${id}/retry`), then,
    }),
    LIVE.includes(state) && actionButton({
      id: "cancel", label: "Cancel", question: `Cancel ${name}?`, danger: true,
      detail: state === "running" ? "It is asked to stop, and cut off after its grace." : "It will not run.",
      told: "Its cancellation is on its way.", act: () => post(path`jobs/${id}/cancel`), then,
    }),
  ];
}
