/** JSON whose integers stay as they were sent: those beyond 2^53 are no JavaScript numbers. */

/**
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  // Browsers without JSON.rawJSON round such numbers.
  const { rawJSON } = /** @type {any} */ (JSON);
  /** @type {(key: string, value: any, context?: {source?: string}) => any} */
  const keepLong = (_key, value, context) => {
    const source = context?.source ?? "";
    const long = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
    return long && rawJSON ? rawJSON(source) : value;
  };
  return JSON.parse(text, /** @type {any} */ (keepLong));
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function print(value) {
  return JSON.stringify(value, null, 2);
}
