/** Running many dead jobs again: counted first, then confirmed, then followed. */

import { path, post, read } from "./api.js";
import { confirmed } from "./confirmation.js";
import { element, replace } from "./element.js";
import { inWords, tellFailure } from "./notices.js";
import { count } from "./words.js";

const SECONDS = 1;

/**
 * @param {Record<string, string>} filter
 * @param {Element} place where its progress is shown
 * @param {AbortSignal} left
 * @param {() => Promise<void>} then when it has ended, or nobody knows how far it is
 */
export async function retryMany(filter, place, left, then) {
  try {
    const found = await post("dlq/retry", { filter, dry_run: true });
    const jobs = `${found.at_least ? "At least " : ""}${count(found.matched)} dead jobs`;
    if (found.matched === 0 && !found.at_least) {
      replace(place, element("p", {}, "No dead jobs match."));
      return await then();
    }
    const words = Object.entries(filter).map(([name, value]) => `${name} ${value}`).join(", ");
    if (!(await confirmed(`${jobs} match. Retry them all?`, "Retry all", `Filter: ${words}. Only jobs that are dead now are retried.`))) return;
    // Sent twice, it is still one action.
    const action = await post("dlq/retry", { filter }, { "Idempotency-Key": randomName() });
    await follow(action, place, left);
    if (!left.aborted) await then();
  } catch (error) {
    if (!left.aborted) tellFailure("Retry all failed", error);
  }
}

/**
 * @param {any} action
 * @param {Element} place
 * @param {AbortSignal} left
 */
async function follow(action, place, left) {
  for (;;) {
    const { id, state, counts } = action;
    const text = `${id} ${state}: ${count(counts.succeeded)} retried, ${count(counts.skipped)} skipped.`;
    replace(place, element("p", { class: "notice done" }, text));
    if (!["running", "paused"].includes(state)) return;
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    if (left.aborted) return;
    try {
      action = await read(path`bulk-actions/${id}`, { signal: left });
    } catch (error) {
      if (!left.aborted) replace(place, element("p", { class: "notice failed" }, `${id} is still running, but its progress is unavailable. ${inWords(error)}`));
      return;
    }
  }
}

/** `randomUUID` is not there where the page was not loaded over TLS. */
function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
