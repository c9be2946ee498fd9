/** One event stream for the whole page. Where there is none, readings poll. */

import { authorization, urlOf } from "./api.js";
import { lines } from "./event_lines.js";
import { store } from "./store.js";

const RECONNECT_MS = 3000;

/** @typedef {{type: string, [field: string]: any}} Change */

/** "live" while events arrive, "polling" while they do not. */
export const connection = store(/** @type {"live" | "polling"} */ ("polling"));

/** @type {Set<(change: Change) => void>} */
const followers = new Set();
let stop = new AbortController();
let lastId = "";

/**
 * @param {(change: Change) => void} follow
 * @returns {() => void} to follow no more
 */
export function onChange(follow) {
  followers.add(follow);
  return () => followers.delete(follow);
}

/**
 * Follows other events, or the same with another key.
 * @param {[string, string][] | null} wanted parameters of /v1/events; null: none
 */
export function restart(wanted) {
  stop.abort();
  stop = new AbortController();
  lastId = "";
  connection.set("polling");
  if (wanted !== null) run(stop.signal, wanted);
}

/** @param {AbortSignal} stopped @param {[string, string][]} wanted */
async function run(stopped, wanted) {
  while (!stopped.aborted) {
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide, { signal: stopped });
    let again = true;
    try {
      if (!document.hidden) again = await stream(AbortSignal.any([stopped, hidden.signal]), wanted);
    } catch {
      // The connection ended: the next one continues where it stopped.
    }
    document.removeEventListener("visibilitychange", hide);
    if (stopped.aborted) return;
    connection.set("polling");
    if (!again) return;
    await (document.hidden ? seen(stopped) : pause(RECONNECT_MS, stopped));
  }
}

/**
 * @param {AbortSignal} signal
 * @param {[string, string][]} wanted
 * @returns {Promise<boolean>} false: this API has no stream for this key
 */
async function stream(signal, wanted) {
  /** @type {Record<string, string>} */
  const resumed = lastId === "" ? {} : { "Last-Event-ID": lastId };
  const response = await fetch(urlOf("events", wanted), {
    headers: { ...authorization(), ...resumed, Accept: "text/event-stream" },
    cache: "no-store", credentials: "omit", redirect: "error", signal,
  });
  if (!response.ok || response.body === null) {
    return response.status >= 500 || response.status === 429;
  }
  connection.set("live");
  for await (const event of lines(response.body)) {
    if (event.id !== undefined) lastId = event.id;
    if (event.data === "") continue;
    const change = { type: event.event, ...JSON.parse(event.data) };
    for (const follow of [...followers]) follow(change);
  }
  return true;
}

/** @param {number} ms @param {AbortSignal} stopped */
function pause(ms, stopped) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopped.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
  });
}

/** @param {AbortSignal} stopped */
export function seen(stopped) {
  return new Promise((resolve) => {
    stopped.addEventListener("abort", resolve, { once: true });
    document.addEventListener("visibilitychange", resolve, { once: true, signal: stopped });
  });
}
