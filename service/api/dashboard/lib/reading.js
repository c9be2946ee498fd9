/** What the API says, read again while a person looks: after an event, or after some seconds. */

import { Problem, read } from "./api.js";
import { useEffect, useRef, useState } from "./html.js";
import { connection, onChange, seen } from "./live.js";
import { go } from "./route.js";

/** Between the end of one reading and the next, without events and with them. */
const SECONDS = 3, SECONDS_LIVE = 20;
/** Milliseconds that at least pass between two readings, however many events arrive. */
const LEAST_MS = 2000;
/** Only another key or address helps: asking again would fill logs. */
const FINAL = [401, 403, 404];

/**
 * @typedef {{data: any, error: any, readAt: string | null, refresh: () => Promise<void>}} Reading
 * @typedef {{
 *   parameters?: [string, string][],
 *   seconds?: number,
 *   concerns?: (change: import("./live.js").Change) => boolean,
 *   until?: (data: any) => boolean,
 *   keep?: boolean,
 *   steady?: boolean,
 * }} Options `concerns`: whether an event is a reason to read; `until`: whether nothing will change any more;
 *   `keep`: with other parameters, the earlier data stays until the new arrives;
 *   `steady`: events do not tell everything, so they do not replace polling
 */

const NOTHING = { data: null, error: null, readAt: null };

/** What this page reads at present. @type {Set<{begin: () => void, end: () => void}>} */
const parts = new Set();

/**
 * Does what ends this page's subject, and goes elsewhere. Meanwhile the page reads nothing, because what it shows is
 * about to be gone; if `work` fails, it reads on.
 * @param {() => Promise<unknown>} work
 * @param {string} to
 */
export async function leaveAfter(work, to) {
  const ended = [...parts];
  for (const part of ended) part.end();
  try {
    await work();
  } catch (error) {
    for (const part of ended) if (parts.has(part)) part.begin();
    throw error;
  }
  const gone = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
  go(to);
  // What is said then belongs to the next page.
  await gone;
}

/**
 * @param {string | null} address from `path`; null reads nothing
 * @param {Options} [options]
 * @returns {Reading}
 */
export function useReading(address, options = {}) {
  const key = address === null ? null : `${address}?${new URLSearchParams(options.parameters ?? [])}`;
  const [state, setState] = useState(/** @type {{key: string | null, data: any, error: any, readAt: string | null}} */ ({ key, ...NOTHING }));
  const latest = useRef(options), loop = useRef(/** @type {Loop | null} */ (null));
  latest.current = options;
  useEffect(() => {
    if (address === null) return undefined;
    setState((before) => (options.keep ? { ...before, key, error: null } : { key, ...NOTHING }));
    const begin = () => {
      loop.current = new Loop(address, () => latest.current, (change) => setState((before) => ({ ...before, key, ...change })));
    };
    const part = { begin, end: () => loop.current?.end() };
    begin();
    parts.add(part);
    return () => {
      parts.delete(part);
      part.end();
    };
  }, [key]);
  const refresh = async () => loop.current?.refresh();
  // Until the effect has run, the state is another address's.
  return { ...(state.key === key || options.keep ? state : NOTHING), refresh };
}

class Loop {
  /**
   * @param {string} address
   * @param {() => Options} options
   * @param {(change: object) => void} show
   */
  constructor(address, options, show) {
    this.address = address;
    this.options = options;
    this.show = show;
    /** @type {((value?: any) => void)[] | undefined} */
    this.waiting = undefined;
    this.left = new AbortController();
    this.readAt = 0;
    /** Ends the present pause. */
    this.wake = () => {};
    this.stale = false;
    this.forget = onChange((change) => {
      const { concerns } = options();
      // After a gap, events are missing.
      if (concerns === undefined || (change.type !== "gap" && !concerns(change))) return;
      this.stale = true;
      this.sleep(Math.max(0, this.readAt + LEAST_MS - Date.now()));
    });
    this.run();
  }

  end() {
    this.left.abort();
    this.forget();
    clearTimeout(this.timer);
  }

  /** @returns {Promise<void>} after the next reading */
  refresh() {
    return new Promise((resolve) => {
      (this.waiting ??= []).push(resolve);
      this.wake();
    });
  }

  async run() {
    const { signal } = this.left;
    while (!signal.aborted) {
      const waiting = this.waiting?.splice(0) ?? [];
      const more = await this.once(signal);
      for (const resolve of waiting) resolve();
      if (signal.aborted) return;
      if (!this.waiting?.length) await this.pause(more);
      while (document.hidden && !signal.aborted) await seen(signal);
    }
  }

  /** @param {AbortSignal} signal */
  async once(signal) {
    const { parameters, until } = this.options();
    this.stale = false;
    try {
      const data = await read(this.address, { parameters, signal });
      if (signal.aborted) return false;
      this.show({ data, error: null, readAt: new Date().toISOString() });
      return until?.(data) !== true;
    } catch (error) {
      if (signal.aborted) return false;
      this.show({ error });
      return !(error instanceof Problem && FINAL.includes(error.status));
    } finally {
      this.readAt = Date.now();
    }
  }

  /** @param {boolean} more false: until something wakes it */
  pause(more) {
    return new Promise((/** @type {(value?: any) => void} */ resolve) => {
      this.wake = resolve;
      this.left.signal.addEventListener("abort", () => resolve(), { once: true });
      const { seconds = SECONDS, concerns, steady = false } = this.options();
      // An event came during the reading, which may have missed it.
      if (this.stale) return this.sleep(LEAST_MS);
      const live = concerns !== undefined && !steady && connection.get() === "live";
      if (more) this.sleep((live ? Math.max(seconds, SECONDS_LIVE) : seconds) * 1000);
    });
  }

  /** @param {number} ms */
  sleep(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wake(), ms);
  }
}
