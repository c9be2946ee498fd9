/** Starts the page: which view is shown, the key, and the jump to an id. */

import { access } from "./api.js";
import { showDeadLetters } from "./dead_letters.js";
import { element, replace } from "./element.js";
import { showFanOut, showFanOuts } from "./fan_outs.js";
import { showFlow, showFlows } from "./flows.js";
import { showJob } from "./job.js";
import { showJobs } from "./jobs.js";
import { clearNotices, tell } from "./notices.js";
import { showOverview } from "./overview.js";
import { showQueue } from "./queue.js";
import { address, addressOf, currentRoute } from "./route.js";
import { currentKey, forgetKey, keepKey } from "./session.js";

/** @typedef {(main: HTMLElement, route: import("./route.js").Route, left: AbortSignal) => void} View */
/** @type {Record<string, {title: string, all?: View, single?: string, one?: View}>} */
const VIEWS = {
  "": { title: "Overview", all: showOverview },
  "jobs": { title: "Jobs", all: showJobs, single: "Job", one: showJob },
  "dead-letters": { title: "Dead letters", all: showDeadLetters },
  "flows": { title: "Flows", all: showFlows, single: "Flow", one: showFlow },
  "fan-outs": { title: "Fan-outs", all: showFanOuts, single: "Fan-out", one: showFanOut },
  "queues": { title: "Queues", single: "Queue", one: showQueue },
};

/**
 * @template {HTMLElement} Found
 * @param {string} id
 * @returns {Found}
 */
function byId(id) {
  return /** @type {Found} */ (document.getElementById(id));
}

const main = byId("main");
let leave = new AbortController();

function show() {
  leave.abort();
  leave = new AbortController();
  const route = currentRoute();
  const views = VIEWS[route.page];
  const view = route.id === null ? views?.all : views?.one;
  const title = (route.id === null ? views?.title : views?.single) ?? "Not found";
  document.title = `${route.id ?? title} – Triage`;
  for (const link of byId("pages").querySelectorAll("a:not(.brand)")) {
    if (link.getAttribute("href") === address(route.page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren(element("h1", {}, title, route.id !== null && element("span", { class: "id" }, route.id)));
  if (view === undefined) main.append(element("p", {}, "This page does not exist."));
  else view(main, route, leave.signal);
}

function showAccess() {
  const known = currentKey() !== null;
  byId("forget-key").hidden = !known;
  byId("use-key").hidden = byId("key").hidden = known;
}

byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("key"));
  if (!keepKey(input.value.trim())) return tell("This is not a valid API key.", "failed");
  input.value = "";
  clearNotices();
  showAccess();
  show();
});

byId("forget-key").addEventListener("click", () => {
  forgetKey();
  showAccess();
  show();
});

access.addEventListener("refused", () => {
  // Several panels are refused at once; the first one speaks for all.
  if (leave.signal.aborted) return;
  leave.abort();
  const text = currentKey() === null ? "This API requires a key." : "The API rejected this key: it is unknown or revoked.";
  replace(main, element("h1", {}, "API key required"), element("p", { role: "alert" }, `${text} The key is kept in this tab only. `
    + "Create one with triage keys create; each panel says which scope it needs."));
  forgetKey();
  showAccess();
  byId("key").focus();
});

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("find-id"));
  const found = addressOf(input.value.trim());
  if (found === null) return tell("IDs begin with job_, flow_ or fan_.", "failed");
  input.value = "";
  location.hash = found;
});

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

addEventListener("hashchange", () => {
  clearNotices();
  show();
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
});

showAccess();
show();
