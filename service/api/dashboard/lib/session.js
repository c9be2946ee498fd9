/** The API key: in this tab only, until it is closed. */

const NAME = "triage-api-key";

/** @returns {string | null} */
export function currentKey() {
  return sessionStorage.getItem(NAME);
}

/**
 * @param {string} key
 * @returns {boolean} false: it cannot be a key, and was not kept
 */
export function keepKey(key) {
  if (!/^[\x21-\x7e]{1,256}$/.test(key)) return false;
  sessionStorage.setItem(NAME, key);
  return true;
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}
