/** Elements out of data. Text is only ever text: nothing here parses HTML. */

const DRAWING = "http://www.w3.org/2000/svg";

/** @typedef {string | number | Node | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Properties */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties] attributes; a function listens to the event of its name
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  return complete(document.createElement(tag), properties, children);
}

/**
 * The same inside of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function drawing(tag, properties = {}, ...children) {
  return complete(document.createElementNS(DRAWING, tag), properties, children);
}

/**
 * @template {Element} Built
 * @param {Built} built
 * @param {Properties} properties
 * @param {(Child | Child[])[]} children
 * @returns {Built}
 */
function complete(built, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") built.addEventListener(name, value);
    else if (value === true) built.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      // Data never decides where a link leads outside of this page.
      if (name === "href" && !String(value).startsWith("#")) throw new TypeError(`a link to ${value}`);
      built.setAttribute(name, String(value));
    }
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    built.append(child instanceof Node ? child : String(child));
  }
  return built;
}

/**
 * Put new content into its place, and leave what the reader does in it: focus, open details, a selection.
 * @param {Element} place
 * @param {Child[]} children
 */
export function replace(place, ...children) {
  const fresh = element("div", {}, children);
  for (const details of place.querySelectorAll("details[id]")) {
    fresh.querySelector(`#${CSS.escape(details.id)}`)?.toggleAttribute("open", details.hasAttribute("open"));
  }
  if (sameContent(place, fresh)) return;
  const selection = document.getSelection();
  if (selection?.isCollapsed === false && place.contains(selection.anchorNode)) return;
  const focused = place.contains(document.activeElement) ? document.activeElement?.id : "";
  const scrolled = [...place.querySelectorAll(".scroll[id]")].map((part) => /** @type {const} */ ([part.id, part.scrollLeft, part.scrollTop]));
  place.replaceChildren(...fresh.childNodes);
  for (const [id, left, top] of scrolled) document.getElementById(id)?.scrollTo(left, top);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/**
 * @param {Element} place
 * @param {Element} fresh
 */
function sameContent(place, fresh) {
  const before = [...place.childNodes], after = [...fresh.childNodes];
  return before.length === after.length && before.every((node, index) => node.isEqualNode(after[index]));
}
