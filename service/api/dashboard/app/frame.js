/** The frame of every page: navigation, search, and what is known of the session. */

import { html, useEffect, useState } from "../lib/html.js";
import { connection } from "../lib/live.js";
import { caller, useReadOnly } from "../lib/permissions.js";
import { environment, open, switchZone, utc } from "../lib/preferences.js";
import { address, addressOf, go } from "../lib/route.js";
import { notify } from "../ui/notices.js";
import { help } from "./keyboard.js";
import { NAVIGATION } from "./pages.js";
import { refusal, signOut } from "./sign_in.js";

/** @param {{page: string}} properties */
export function Navigation({ page }) {
  const [shown, show] = useState(false);
  useEffect(() => show(false), [page]);
  return html`<nav id="pages" aria-label="Pages">
    <div class="brand-line">
      <a class="brand" href="#/">Triage</a>
      ${environment && html`<span class="environment" title="Environment">${environment}</span>`}
      <button type="button" class="menu" aria-expanded=${shown ? "true" : "false"} aria-controls="page-list" onClick=${() => show(!shown)}>Menu</button>
    </div>
    <div id="page-list" class=${shown ? "shown" : null}>
      ${NAVIGATION.map((group) => html`<ul key=${group[0].page}>${group.map((entry) => html`<li key=${entry.page}>
        <a href=${address(entry.page)} aria-current=${entry.page === page ? "page" : null}>${entry.title}</a></li>`)}</ul>`)}
      <ul><li><a href="docs">API reference</a></li></ul>
    </div>
  </nav>`;
}

export function Bar() {
  const zone = utc.use(), live = connection.use(), known = caller.use(), readOnly = useReadOnly();
  const signedIn = !open && refusal.use() === null;
  return html`<header>
    <${Search} />
    <div class="status">
      ${readOnly && html`<span class="badge" title="This key has no scope that changes anything.">read-only</span>`}
      ${known && known.namespace !== "default" && html`<span class="badge" title="Namespace">${known.namespace}</span>`}
      <span class=${`connection ${live}`} title=${live === "live" ? "Changes arrive as they happen." : "The page reads again every few seconds."}>${live === "live" ? "live" : "polling"}</span>
      <button type="button" title="Switch the time zone of this page" onClick=${switchZone}>${zone ? "UTC" : "Local time"}</button>
      <button type="button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick=${help}>?</button>
      ${signedIn && html`<button type="button" onClick=${signOut}>Forget key</button>`}
    </div>
  </header>`;
}

function Search() {
  const [text, setText] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const found = placeOf(text.trim());
    if (found === null) return notify("Type an ID such as job_…, flow_… or fan_…, a tag as key:value, or a text: part of an ID, a job type, a tag or an error.", "failed");
    setText("");
    go(found);
  };
  return html`<form id="find" role="search" aria-label="Whole namespace" onSubmit=${submit}>
    <label class="hidden" for="find-id">ID of a job, flow or fan-out, job type, tag, or text of an error</label>
    <input id="find-id" type="search" placeholder="ID, job type, key:value or error" title="Shortcut: /" autocomplete="off" spellcheck=${false}
      value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
    <button>Go</button>
  </form>`;
}

/** @param {string} text */
function placeOf(text) {
  if (text === "") return null;
  if (/^[a-z]+_[0-9A-Z]{26}$/.test(text)) return addressOf(text);
  // A tag has an index; errors have a space behind their colon.
  return /^[^\s:]+:\S/.test(text) ? address("jobs", null, [["tag", text]]) : address("jobs", null, [["search", text]]);
}
