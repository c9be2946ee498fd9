/** The key: given once, kept in this tab. */

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { forgetKey, keepKey } from "../lib/session.js";
import { store } from "../lib/store.js";
import { clearNotices, notify } from "../ui/notices.js";

/** Changes with the key, so that everything is read again. */
export const session = store(0);
/** Why the page asks for a key; null: it does not. */
export const refusal = store(/** @type {string | null} */ (null));

const NO_KEY = "This API requires a key.";

export function askForKey(known = false) {
  refusal.set(known ? "The API rejected this key: it is unknown or revoked." : NO_KEY);
}

export function signOut() {
  forgetKey();
  askForKey();
}

export function SignIn() {
  const [text, setText] = useState("");
  const why = refusal.use();
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => input.current?.focus(), [why]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!keepKey(text.trim())) return notify("This is not a valid API key.", "failed");
    clearNotices();
    refusal.set(null);
    session.set(session.get() + 1);
  };
  return html`
    <h1>API key required</h1>
    <section aria-label="Sign in">
      <p role="alert">${why} The key is kept in this tab only.</p>
      <form class="sign-in" onSubmit=${submit}>
        <label class="field"><span>API key</span>
          <input ref=${input} type="password" value=${text} autocomplete="off" spellcheck=${false} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
        <button class="primary">Use key</button>
      </form>
      <p class="quiet">Create a key with <code>triage keys create</code>; each panel says which scope it needs.</p>
    </section>`;
}
