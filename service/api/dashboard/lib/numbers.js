/** Numbers as people read them. */

/** @param {number} number */
export function count(number) {
  return number.toLocaleString("en").replaceAll(",", "\u202f");
}

/**
 * "1 job", "2 jobs".
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** @param {number} number */
export function rate(number) {
  return number === 0 ? "0" : number < 10 ? String(Math.round(number * 10) / 10) : count(Math.round(number));
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  if (whole === 0) return "0 %";
  const share = (part / whole) * 100;
  return share > 0 && share < 1 ? "< 1 %" : `${Math.floor(share)} %`;
}
