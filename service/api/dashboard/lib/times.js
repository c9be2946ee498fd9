/** Times and durations in words. */

const DAY = 86_400;

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, "0");
}

/**
 * @param {string} text RFC 3339
 * @param {boolean} utc
 */
export function exact(text, utc) {
  const time = new Date(text);
  if (utc) return text.slice(0, 19).replace("T", " ");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `
    + `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/**
 * The time of day.
 * @param {number} seconds since 1970
 * @param {boolean} utc
 */
export function clock(seconds, utc) {
  return Number.isFinite(seconds) ? exact(new Date(seconds * 1000).toISOString(), utc).slice(11, 16) : "";
}

/**
 * @param {string} text RFC 3339
 * @param {number} now in milliseconds
 */
export function relative(text, now) {
  const seconds = (new Date(text).getTime() - now) / 1000;
  const words = duration(Math.floor(Math.abs(seconds)), 1);
  if (Math.abs(seconds) < 1) return "now";
  return seconds < 0 ? `${words} ago` : `in ${words}`;
}

/**
 * Seconds from one time to another, or to now.
 * @param {string | null | undefined} from
 * @param {string | null | undefined} [to]
 * @returns {number | null}
 */
export function between(from, to) {
  if (!from) return null;
  return Math.max(0, ((to ? new Date(to).getTime() : Date.now()) - new Date(from).getTime()) / 1000);
}

/**
 * @param {number | null} seconds
 * @param {1 | 2} [parts] how exact
 */
export function duration(seconds, parts = 2) {
  if (seconds === null) return "–";
  if (seconds > 0 && seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return both(seconds, 60, "min", 1, "s", parts);
  if (seconds < DAY) return both(seconds, 3600, "h", 60, "min", parts);
  return both(seconds, DAY, "d", 3600, "h", parts);
}

/**
 * @param {number} seconds
 * @param {number} large
 * @param {string} name
 * @param {number} small
 * @param {string} rest
 * @param {1 | 2} parts
 */
function both(seconds, large, name, small, rest, parts) {
  const left = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${name}${left === 0 || parts === 1 ? "" : ` ${left} ${rest}`}`;
}
