/** Starts the page. */

import { askForKey, refusal, session, SignIn } from "./app/sign_in.js";
import { Bar, Navigation } from "./app/frame.js";
import { listenToKeys } from "./app/keyboard.js";
import { eventsOf, PAGES } from "./app/pages.js";
import { access } from "./lib/api.js";
import { html, render, useEffect } from "./lib/html.js";
import { restart } from "./lib/live.js";
import { learnAccess } from "./lib/permissions.js";
import { open } from "./lib/preferences.js";
import { currentRoute } from "./lib/route.js";
import { currentKey, forgetKey } from "./lib/session.js";
import { store } from "./lib/store.js";
import { clearNotices, Notices } from "./ui/notices.js";

const route = store(currentRoute());

function App() {
  const here = route.use(), visit = session.use(), refused = refusal.use() !== null;
  const kind = PAGES.get(here.page);
  const View = here.id === null ? kind?.all : kind?.one;
  const title = (here.id === null ? kind?.title : kind?.single) ?? "Not found";
  useEffect(() => { document.title = `${here.id ?? title} – Triage`; }, [here.id, title]);
  useEffect(() => {
    if (refused) return;
    learnAccess();
  }, [visit, refused]);
  const events = JSON.stringify(refused ? null : eventsOf(here));
  useEffect(() => restart(JSON.parse(events)), [visit, events]);
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById("main")?.focus();
  };
  return html`
    <a class="skip" href="#main" id="skip" onClick=${skip}>Skip to content</a>
    <${Navigation} page=${here.page} />
    <div class="page">
      <${Bar} />
      <${Notices} />
      <main id="main" tabindex="-1">${refused ? html`<${SignIn} />` : html`
        <h1>${title}${here.id !== null && html`<span class="id">${here.id}</span>`}</h1>
        ${View === undefined ? html`<p>This page does not exist.</p>` : html`<${View} key=${`${visit} ${here.page} ${here.id}`} route=${here} />`}`}
      </main>
    </div>`;
}

access.addEventListener("refused", () => {
  // Several panels are refused at once; the first one speaks for all.
  if (refusal.get() !== null) return;
  askForKey(currentKey() !== null);
  forgetKey();
});

addEventListener("hashchange", () => {
  const before = route.get();
  clearNotices();
  route.set(currentRoute());
  // Another filter of the same page leaves the reader where they are.
  if (before.page === route.get().page && before.id === route.get().id) return;
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
});

if (!open && currentKey() === null) askForKey();
listenToKeys();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
