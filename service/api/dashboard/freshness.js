/** Reads again and again while somebody looks. */

import { Problem } from "./api.js";

export const SECONDS = 3;

/**
 * Until the page is left, or its work says that nothing will change any more.
 * @param {AbortSignal} left
 * @param {import("./panel.js").Panel} panel where a failure is shown
 * @param {() => Promise<boolean | void>} work false: this was the last time
 * @param {() => number | undefined} [seconds] between the end of one reading and the next
 */
export async function keepFresh(left, panel, work, seconds = () => SECONDS) {
  while (!left.aborted) {
    try {
      if ((await work()) === false) return;
    } catch (error) {
      if (left.aborted) return;
      panel.fail(error);
      // Only another key or address helps: asking on would fill logs.
      if (error instanceof Problem && [401, 403, 404].includes(error.status)) return;
    }
    await pause(seconds() ?? SECONDS, left);
    while (document.hidden && !left.aborted) await seen(left);
  }
}

/**
 * @param {number} seconds
 * @param {AbortSignal} left
 */
function pause(seconds, left) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    left.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
  });
}

/** @param {AbortSignal} left */
function seen(left) {
  return new Promise((resolve) => {
    left.addEventListener("abort", resolve, { once: true });
    document.addEventListener("visibilitychange", resolve, { once: true, signal: left });
  });
}
