/** A value that components follow. */

import { useEffect, useState } from "./html.js";

/**
 * @template Value
 * @param {Value} initial
 */
export function store(initial) {
  let value = initial;
  /** @type {Set<() => void>} */
  const followers = new Set();
  return {
    get: () => value,
    /** @param {Value} next */
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const follow of [...followers]) follow();
    },
    /** @param {() => void} follow */
    follow(follow) {
      followers.add(follow);
      return () => followers.delete(follow);
    },
    /** In a component: its value, and a new rendering whenever that changes. @returns {Value} */
    use() {
      const [, render] = useState({});
      useEffect(() => {
        const again = () => render({});
        // It may have changed between the rendering and now.
        again();
        followers.add(again);
        return () => { followers.delete(again); };
      }, []);
      return value;
    },
  };
}
