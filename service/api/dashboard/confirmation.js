/** A question before something changes. */

import { element } from "./element.js";

/**
 * @param {string} question
 * @param {string} verb on the button that does it
 * @param {string} [detail]
 * @returns {Promise<boolean>}
 */
export function confirmed(question, verb, detail = "") {
  return new Promise((answer) => {
    const no = element("button", { type: "button", click: () => dialog.close() }, "Do nothing");
    const yes = element("button", { type: "button", class: "danger", click: () => dialog.close("yes") }, verb);
    const dialog = element(
      "dialog", { "aria-labelledby": "question" },
      element("h2", { id: "question" }, question),
      detail && element("p", {}, detail),
      element("div", { class: "actions" }, no, yes),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    // Return by itself, or twice, changes nothing.
    no.focus();
  });
}
