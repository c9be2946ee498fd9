/** Creating an API key. */

import { post } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { caller } from "../lib/permissions.js";
import { DialogForm, openDialog } from "../ui/dialog.js";
import { Check, Field, numberOf } from "../ui/fields.js";

/** In the order of the documentation. */
const SCOPES = [
  "jobs:read", "jobs:write", "payload:read", "dlq:read", "dlq:write", "queues:read", "queues:admin", "schedules:read", "schedules:write",
  "workers:read", "workers:admin", "webhooks:read", "webhooks:write", "metrics:read", "keys:admin", "namespaces:admin",
];
const DAY_MS = 86_400_000;

/** @returns {Promise<any>} the key with its secret; undefined: dismissed */
export function createKey() {
  return openDialog("New API key", (close) => html`<${KeyForm} close=${close} />`, "wide");
}

/** @param {{close: (result?: any) => void}} properties */
function KeyForm({ close }) {
  const [name, setName] = useState(""), [days, setDays] = useState("");
  const [queues, setQueues] = useState(""), [names, setNames] = useState("");
  const [scopes, setScopes] = useState(/** @type {string[]} */ ([]));
  // A caller cannot grant what it may not do itself.
  const known = caller.use(), mine = SCOPES.filter((scope) => known === null || known.scopes.includes(scope));
  const save = async () => {
    const left = numberOf("Days", days);
    if (scopes.length === 0) throw new Error("Choose at least one scope.");
    return post("api-keys", {
      name: name.trim(), scopes, ...restriction("queues", queues), ...restriction("names", names),
      ...(left === null ? {} : { expires_at: new Date(Date.now() + left * DAY_MS).toISOString() }),
    });
  };
  const choose = (/** @type {(scope: string) => boolean} */ wanted) => () => setScopes(mine.filter(wanted));
  return html`<${DialogForm} verb="Create" ...${{ save, close }}>
    <${Field} label="Name" value=${name} set=${setName} required hint="mailer" help="The program or the person that uses it." first />
    <fieldset class="choices"><legend>Scopes</legend>
      <div class="actions">
        <button type="button" onClick=${choose((scope) => scope.endsWith(":read") && scope !== "payload:read")}>Read only</button>
        <button type="button" onClick=${choose((scope) => scope.startsWith("jobs:") || scope === "payload:read")}>Submit jobs</button>
        <button type="button" onClick=${choose(() => true)}>All of mine</button>
      </div>
      ${mine.map((scope) => html`<${Check} key=${scope} label=${scope} checked=${scopes.includes(scope)}
        set=${(/** @type {boolean} */ on) => setScopes(on ? [...scopes, scope] : scopes.filter((other) => other !== scope))} />`)}
    </fieldset>
    <${Field} label="Only these queues" value=${queues} set=${setQueues} hint="all" help="Separated by commas." />
    <${Field} label="Only these job types" value=${names} set=${setNames} hint="all" help="Separated by commas." />
    <${Field} label="Expires in days" type="number" value=${days} set=${setDays} hint="never" />
  <//>`;
}

/** @param {string} member @param {string} text */
function restriction(member, text) {
  const words = text.split(",").map((word) => word.trim()).filter(Boolean);
  return words.length === 0 ? {} : { [member]: words };
}
