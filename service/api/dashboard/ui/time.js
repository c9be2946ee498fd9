/** Times: as a reader has them on the wall, or how long ago; the exact one in the title. */

import { html, useEffect, useState } from "../lib/html.js";
import { utc } from "../lib/preferences.js";
import { between, duration, exact, relative } from "../lib/times.js";
import { store } from "../lib/store.js";

const TICK_MS = 10_000, DAY = 86_400;

/** Milliseconds since 1970, as one clock for all relative times. */
const now = store(Date.now());
setInterval(() => { if (!document.hidden) now.set(Date.now()); }, TICK_MS);

/**
 * The exact time.
 * @param {{at: string | null | undefined}} properties
 */
export function Moment({ at }) {
  const zone = utc.use();
  if (!at) return html`<span class="none">–</span>`;
  return html`<time datetime=${at} title=${`${at} (UTC)`}>${exact(at, zone)}</time>`;
}

/**
 * How long ago, or until when.
 * @param {{at: string | null | undefined}} properties
 */
export function Ago({ at }) {
  const zone = utc.use();
  now.use();
  if (!at) return html`<span class="none">–</span>`;
  return html`<time datetime=${at} title=${`${exact(at, zone)}${zone ? "" : " local"}, ${at} (UTC)`}>${relative(at, Date.now())}</time>`;
}

/** Since when, by the clock and as a duration. @param {{at: string}} properties */
export function Since({ at }) {
  const zone = utc.use();
  now.use();
  const seconds = between(at), day = seconds !== null && seconds > DAY ? exact(at, zone).slice(0, 16) : exact(at, zone).slice(11, 16);
  return html`<time datetime=${at} title=${`${exact(at, zone)}${zone ? "" : " local"}, ${at} (UTC)`}>since ${day} (${duration(seconds, 1)})</time>`;
}

/** Renders its component again every second while `running`. @param {boolean} running */
export function useSeconds(running) {
  const [, render] = useState(0);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => { if (!document.hidden) render(Date.now()); }, 1000);
    return () => clearInterval(timer);
  }, [running]);
}
