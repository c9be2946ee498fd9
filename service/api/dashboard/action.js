/** A button that asks, acts and tells. */

import { confirmed } from "./confirmation.js";
import { element } from "./element.js";
import { tell, tellFailure } from "./notices.js";

/**
 * @param {{id: string, label: string, question: string, detail?: string, told: string,
 *   act: () => Promise<unknown>, then: () => unknown, danger?: boolean, name?: string}} action
 *   `name`: for screen readers, where a list has the same button many times
 */
export function actionButton({ id, label, question, detail, told, act, then, danger = false, name }) {
  const click = async () => {
    if (!(await confirmed(question, label, detail))) return;
    try {
      await act();
      tell(told);
    } catch (error) {
      tellFailure(`${label} failed`, error);
    }
    await then();
  };
  return element("button", { type: "button", id, class: danger ? "danger" : null, "aria-label": name, click }, label);
}
