/** Elements out of data, by Preact. Text is only ever text: nothing here parses HTML. */

import htm from "../vendor/htm.module.js";
import { h } from "../vendor/preact.mjs";

export { Fragment, render } from "../vendor/preact.mjs";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.mjs";

/** @typedef {any} View what a component renders */

/**
 * As Preact's `h`, but data never decides where a link leads outside of this page, and never becomes markup.
 * @param {any} type
 * @param {Record<string, any> | null} properties
 * @param {...any} children
 */
export function createElement(type, properties, ...children) {
  // What components get ends in elements.
  if (typeof type !== "string") return h(type, properties, ...children);
  /** @type {Record<string, any>} */
  const given = {};
  for (const name in properties) {
    const value = properties[name];
    // Preact would write an empty attribute.
    if (value === null || value === undefined) continue;
    given[name] = value;
    const led = name === "href" || name === "src" || name === "xlink:href";
    // `docs` is the API reference, the only other page.
    if (led && !String(value).startsWith("#") && value !== "docs") throw new TypeError(`a link to ${value}`);
    if (name === "dangerouslySetInnerHTML") throw new TypeError("markup from data");
    if (name.startsWith("on") && value && typeof value !== "function") throw new TypeError(`${name} is not a function`);
  }
  return h(type, given, ...children);
}

export const html = htm.bind(createElement);
