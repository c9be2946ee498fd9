/** A part of a page that loads, and fails, by itself. */

import { Problem } from "./api.js";
import { element, replace } from "./element.js";
import { inWords } from "./notices.js";

export class Panel {
  /**
   * @param {string} id
   * @param {string} title
   * @param {...import("./element.js").Child} beside the title
   */
  constructor(id, title, ...beside) {
    this.problem = element("div", { role: "alert" });
    this.body = element("div", { class: "body", "aria-busy": "true" }, "Loading …");
    const head = element("div", { class: "head" }, element("h2", { id: `${id}-title` }, title), ...beside);
    this.element = element("section", { id, "aria-labelledby": `${id}-title` }, head, this.problem, this.body);
    this.filled = false;
  }

  /** @param {...import("./element.js").Child} children */
  show(...children) {
    if (this.problem.hasChildNodes()) this.problem.replaceChildren();
    this.body.removeAttribute("aria-busy");
    replace(this.body, ...children);
    this.filled = true;
  }

  /**
   * What was there stays, and is said to be old.
   * @param {unknown} error
   */
  fail(error) {
    this.body.removeAttribute("aria-busy");
    const scope = error instanceof Problem ? error.requiredScope : null;
    const text = scope === null ? inWords(error) : `This key lacks the scope ${scope}.`;
    if (scope !== null || !this.filled) replace(this.body);
    const old = this.filled && scope === null ? " The data below is older." : "";
    replace(this.problem, element("p", { class: scope === null ? "problem" : "lacking" }, text + old));
  }
}
