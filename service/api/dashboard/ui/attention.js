/** The list of what needs attention, or the word that nothing does. */

import { html } from "../lib/html.js";
import { count } from "../lib/numbers.js";
import { address } from "../lib/route.js";
import { Since } from "./time.js";
import { IdLink, QueueLink, TypeLink } from "./words.js";

/** Things that are named; the tables below have all. */
const NAMED = 8;

/** @param {{troubles: import("../lib/trouble.js").Trouble[]}} properties */
export function Attention({ troubles }) {
  if (troubles.length === 0) return html`<p class="calm">Nothing needs attention.</p>`;
  return html`<ul class="attention" aria-label="Needs attention">${troubles.map((trouble) => html`
    <li key=${trouble.key} class=${trouble.bad ? "burning" : "smouldering"}>
      <div><strong>${trouble.key === "dead" ? html`<a href=${address("dead-letters")}>${trouble.title}</a>` : trouble.title}</strong>
        ${trouble.since && html`<span class="since"><${Since} at=${trouble.since} /></span>`}</div>
      <div><${Details} trouble=${trouble} /></div>
    </li>`)}</ul>`;
}

/** @param {{trouble: import("../lib/trouble.js").Trouble}} properties */
function Details({ trouble }) {
  const { queues, workers, held = 0, dead, grown, types } = trouble;
  if (queues) return named(queues, ({ queue, why }) => html`<${QueueLink} name=${queue.name} /> (${why})`);
  if (workers) {
    return html`${held > 0 && `last seen with ${count(held)} jobs, which will run again elsewhere: `}${
      named(workers, (worker) => html`<${IdLink} id=${worker.id} page="workers" /> on ${worker.host}`)}`;
  }
  if (types) return named(types, (type) => html`<${TypeLink} name=${type.name} /> (${count(type.failed)} of ${count(type.failed + type.succeeded)} attempts in 15 minutes)`);
  return html`${grown === null || grown === undefined ? "" : grown > 0 ? `${count(grown)} in the last hour; ` : "none in the last hour; "}${dead && dead.length > 0 && "in "}${
    named(dead ?? [], (queue) => html`<a href=${address("dead-letters", null, [["queue", queue.name]])}>${queue.name}</a> (${count(queue.dlq_depth)})`)}`;
}

/**
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => any} words
 */
function named(items, words) {
  const first = items.slice(0, NAMED).map((item, index) => html`${index > 0 && ", "}${words(item)}`);
  return html`<span>${first}${items.length > NAMED && ` and ${items.length - NAMED} more`}</span>`;
}
