/** What the reader has chosen, and what the server says of itself; kept in this tab only. */

import { store } from "./store.js";

const NAME = "triage-time-zone";

/** Whether times are shown in UTC instead of the browser's time zone. */
export const utc = store(sessionStorage.getItem(NAME) === "utc");

export function switchZone() {
  utc.set(!utc.get());
  // The default leaves nothing behind.
  if (utc.get()) sessionStorage.setItem(NAME, "utc");
  else sessionStorage.removeItem(NAME);
}

const { auth = "required", environment = "" } = document.documentElement.dataset;

/** Whether the API works without keys. */
export const open = auth === "off";

/** TRIAGE_ENVIRONMENT_LABEL, such as "production". */
export { environment };
