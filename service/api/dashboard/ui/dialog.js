/** Dialogs: a question before something changes, and forms. */

import { inWords } from "../lib/api.js";
import { html, render, useEffect, useRef, useState } from "../lib/html.js";

/**
 * Opens a dialog until it closes.
 * @template Result
 * @param {string} title
 * @param {(close: (result?: Result) => void) => any} content
 * @param {string} [kind] "wide" for forms
 * @returns {Promise<Result | undefined>} undefined: dismissed
 */
export function openDialog(title, content, kind = "") {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "dialog-title");
    dialog.className = kind;
    /** @type {Result | undefined} */
    let result;
    const close = (/** @type {Result} */ given) => {
      result = given;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      render(null, dialog);
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    render(html`<h2 id="dialog-title">${title}</h2>${content(/** @type {any} */ (close))}`, dialog);
    dialog.showModal();
    // Return on its own, or twice, changes nothing.
    /** @type {HTMLElement | null} */ (dialog.querySelector("[data-first]"))?.focus();
  });
}

/**
 * @param {string} question
 * @param {string} verb on the button that does it
 * @param {string} [detail]
 * @param {string} [typed] what the reader must type first
 * @returns {Promise<boolean>}
 */
export async function confirmed(question, verb, detail = "", typed = "") {
  return (await openDialog(question, (close) => html`<${Question} ...${{ verb, detail, typed, close }} />`)) === true;
}

/** @param {{verb: string, detail: string, typed: string, close: (result?: boolean) => void}} properties */
function Question({ verb, detail, typed, close }) {
  const [text, setText] = useState("");
  return html`
    ${detail && html`<p>${detail}</p>`}
    ${typed && html`<label class="field"><span>Type <code>${typed}</code> to confirm</span>
      <input type="text" value=${text} autocomplete="off" spellcheck=${false} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>`}
    <div class="actions">
      <button type="button" data-first onClick=${() => close()}>Do nothing</button>
      <button type="button" class="danger" disabled=${typed !== text} onClick=${() => close(true)}>${verb}</button>
    </div>`;
}

/**
 * A form whose refusals are shown in it, so that nothing typed is lost.
 * @param {{verb: string, save: () => Promise<unknown>, close: (result?: any) => void, children?: any}} properties
 *   `save` returns what the dialog returns
 */
export function DialogForm({ verb, save, close, children }) {
  const [problem, setProblem] = useState(""), [busy, setBusy] = useState(false);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { if (problem) place.current?.scrollIntoView({ block: "nearest" }); }, [problem]);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      close((await save()) ?? true);
    } catch (error) {
      setProblem(inWords(error).replace(/^Error: /, ""));
    }
    setBusy(false);
  };
  return html`<form class="fields" onSubmit=${submit}>
    ${children}
    <div role="alert" ref=${place}>${problem && html`<p class="problem">${problem}</p>`}</div>
    <div class="actions">
      <button type="button" onClick=${() => close()}>Do nothing</button>
      <button class="primary" disabled=${busy}>${verb}</button>
    </div>
  </form>`;
}
