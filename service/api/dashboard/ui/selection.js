/** Rows that the reader picked. */

import { useState } from "../lib/html.js";

/** @typedef {{ids: string[], has: (id: string) => boolean, toggle: (id: string) => void, set: (ids: string[]) => void}} Selection */

/** @returns {Selection} */
export function useSelection() {
  const [picked, pick] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  return {
    ids: [...picked],
    has: (id) => picked.has(id),
    set: (ids) => pick(new Set(ids)),
    toggle: (id) => pick((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    }),
  };
}
