/** A page about one thing: whether that exists decides what there is to show. */

import { Problem } from "./api.js";
import { keepFresh } from "./freshness.js";

/**
 * Reads again and again, as keepFresh does. A thing that does not exist is said once, and the parts that would be
 * about it are left out; another failure before anything was read is said in every part, because none can load.
 * @param {AbortSignal} left
 * @param {{kind: string, id: string, panel: import("./panel.js").Panel, parts: import("./panel.js").Panel[]}} subject
 * @param {() => Promise<boolean | void>} work reads the thing itself first
 * @param {() => number | undefined} [seconds] between the end of one reading and the next
 */
export function keepSubject(left, { kind, id, panel, parts }, work, seconds) {
  return keepFresh(left, panel, async () => {
    try {
      return await work();
    } catch (error) {
      if (left.aborted) throw error;
      const gone = error instanceof Problem && error.status === 404;
      for (const part of parts.filter((one) => !one.filled)) {
        if (gone) part.element.remove();
        else part.fail(error);
      }
      throw gone ? new Problem(404, "Not Found", `No ${kind} ${id} exists. It may have been deleted, or its retention has passed.`) : error;
    }
  }, seconds);
}
