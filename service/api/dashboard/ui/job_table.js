/** Jobs in rows. */

import { html } from "../lib/html.js";
import { errorText } from "../lib/words.js";
import { Table, Text } from "./table.js";
import { Ago } from "./time.js";
import { IdLink, QueueLink, State, Tags } from "./words.js";

/**
 * @param {{jobs: any[], selection?: import("./selection.js").Selection, more?: boolean}} properties
 *   `more`: older jobs have not been looked at
 */
export function JobTable({ jobs, selection, more = false }) {
  const columns = [
    { title: "name", cell: (/** @type {any} */ job) => html`<${IdLink} id=${job.id} text=${job.name} /> <${IdLink} id=${job.id} short />` },
    { title: "item", number: true, zero: (/** @type {any} */ job) => job.fan_out_index === null, cell: (/** @type {any} */ job) => job.fan_out_index ?? "–" },
    { title: "state", cell: (/** @type {any} */ job) => html`<${State} state=${job.state} reason=${job.state_reason} />` },
    { title: "queue", cell: (/** @type {any} */ job) => html`<${QueueLink} name=${job.queue} />` },
    { title: "attempt", number: true, zero: (/** @type {any} */ job) => job.attempt <= 1, cell: (/** @type {any} */ job) => `${job.attempt} of ${job.max_attempts}` },
    { title: "error", zero: (/** @type {any} */ job) => job.error === null, cell: (/** @type {any} */ job) => (job.error === null ? html`<span class="none">–</span>` : html`<${Text} brief text=${errorText(job.error)} />`) },
    { title: "tags", zero: (/** @type {any} */ job) => Object.keys(job.tags).length === 0, cell: (/** @type {any} */ job) => html`<${Tags} tags=${job.tags} />` },
    { title: "created", cell: (/** @type {any} */ job) => html`<${Ago} at=${job.created_at} />` },
  ];
  return html`<${Table} caption="Jobs" columns=${columns} rows=${jobs} empty=${more ? "No match so far among the newest jobs: the next page has older ones." : "No jobs match."} keyOf=${(/** @type {any} */ job) => job.id} selection=${selection} />`;
}
