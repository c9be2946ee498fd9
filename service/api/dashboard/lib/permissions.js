/** What the present key may do: nothing is offered that the API would refuse. */

import { readAccess } from "./api.js";
import { store } from "./store.js";

/**
 * null while unknown: then everything is offered, and the API decides.
 * @type {ReturnType<typeof store<{namespace: string, scopes: string[]} | null>>}
 */
export const caller = store(/** @type {{namespace: string, scopes: string[]} | null} */ (null));

export async function learnAccess() {
  caller.set(null);
  try {
    caller.set(await readAccess());
  } catch {
    // The page says so wherever it reads.
  }
}

/**
 * In a component.
 * @param {string} scope
 */
export function useMay(scope) {
  const known = caller.use();
  return known === null || known.scopes.includes(scope);
}

/** Whether a known key can change nothing. */
export function useReadOnly() {
  const known = caller.use();
  return known !== null && !known.scopes.some((scope) => /:(write|admin)$/.test(scope));
}
