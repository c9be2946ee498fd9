/** Times as a reader has them on the wall, with UTC in the title. */

import { element } from "./element.js";

const DAY = 86_400;

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, "0");
}

/**
 * @param {string | null} text RFC 3339
 * @returns {Node | string}
 */
export function moment(text) {
  if (text === null) return "–";
  const time = new Date(text);
  const local = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `
    + `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return element("time", { datetime: text, title: `${text} (UTC)` }, local);
}

/**
 * How long ago, with the time itself in the title.
 * @param {string} text RFC 3339
 */
export function ago(text) {
  const seconds = Math.max(0, (Date.now() - new Date(text).getTime()) / 1000);
  return element("time", { datetime: text, title: `${text} (UTC)` }, `${duration(Math.floor(seconds))} ago`);
}

/** @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null) return "–";
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return both(seconds, 60, "min", 1, "s");
  if (seconds < DAY) return both(seconds, 3600, "h", 60, "min");
  return both(seconds, DAY, "d", 3600, "h");
}

/**
 * @param {number} seconds
 * @param {number} large
 * @param {string} name
 * @param {number} small
 * @param {string} rest
 */
function both(seconds, large, name, small, rest) {
  const left = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${name}${left === 0 ? "" : ` ${left} ${rest}`}`;
}
