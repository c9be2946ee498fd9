/** A secret that the API shows only once. */

import { html, useRef, useState } from "../lib/html.js";
import { openDialog } from "./dialog.js";

/**
 * @param {string} title
 * @param {string} secret
 * @param {string} detail what it is for
 * @returns {Promise<unknown>} when the reader has closed the dialog
 */
export function showSecret(title, secret, detail) {
  return openDialog(title, (close) => html`<${Secret} ...${{ secret, detail, close }} />`, "wide");
}

/** @param {{secret: string, detail: string, close: (result?: any) => void}} properties */
function Secret({ secret, detail, close }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    input.current?.select();
    try {
      await navigator.clipboard.writeText(secret);
      setCopied(true);
    } catch {
      // Browsers allow it with TLS or on this machine only; the text is selected.
      setCopied(false);
    }
  };
  return html`
    <p>${detail} Copy it now: no other page shows it.</p>
    <label class="field secret"><span>Secret</span>
      <input ref=${input} type="text" readonly value=${secret} data-first autocomplete="off" spellcheck=${false} onFocus=${() => input.current?.select()} /></label>
    <div class="actions">
      <span role="status">${copied && "Copied."}</span>
      <button type="button" onClick=${copy}>Copy</button>
      <button type="button" class="primary" onClick=${() => close()}>I have stored it</button>
    </div>`;
}
