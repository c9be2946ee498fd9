/** States and reasons, the same everywhere. */

export const STATES = ["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "dead", "cancelled"];
export const LIVE = STATES.slice(0, 5);
export const REASONS = ["exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"];

/** The most characters of an id that lists show; its end is what tells ids apart. */
const SHORT = 8;

/** @param {string} id */
export function shortId(id) {
  const [kind, rest = ""] = id.split("_", 2);
  return rest.length > SHORT + 4 ? `${kind}_…${rest.slice(-SHORT)}` : id;
}

/** @param {{type: string, message: string} | null} error */
export function errorText(error) {
  return error === null ? "" : `${error.type}: ${error.message}`;
}

/** @param {{limit: number, per_seconds: number, smooth: boolean}} limit */
export function rateLimit(limit) {
  return `${limit.limit} per ${limit.per_seconds} s${limit.smooth ? ", smooth" : ""}`;
}

/**
 * @param {string[]} names
 * @param {number} [few] that are spelt out
 */
export function list(names, few = 3) {
  return names.slice(0, few).join(", ") + (names.length > few ? ` and ${names.length - few} more` : "");
}
