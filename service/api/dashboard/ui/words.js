/** States, links and numbers, the same everywhere. */

import { html } from "../lib/html.js";
import { count } from "../lib/numbers.js";
import { address } from "../lib/route.js";
import { LIVE, shortId, STATES } from "../lib/words.js";

/** @param {{state: string | null, reason?: string | null}} properties */
export function State({ state, reason }) {
  const text = state ?? "forgotten";
  return html`<span><span class=${`state ${/^[a-z]+$/.test(text) ? text : ""}`}>${text}</span>${reason && html` <span class="quiet">${reason}</span>`}</span>`;
}

/**
 * The id of a job, flow, fan-out or worker; lists show its end, which tells ids apart.
 * @param {{id: string, page?: string, text?: string, short?: boolean}} properties
 */
export function IdLink({ id, page = "jobs", text, short = false }) {
  const shown = text ?? (short ? shortId(id) : id);
  return html`<a href=${address(page, id)} class=${text === undefined ? "id" : null} title=${shown === id ? null : id}
    aria-label=${short ? id : null}>${shown}</a>`;
}

/** @param {{name: string}} properties of a queue */
export function QueueLink({ name }) {
  return html`<a href=${address("queues", name)}>${name}</a>`;
}

/** @param {{name: string}} properties of a job type */
export function TypeLink({ name }) {
  return html`<a href=${address("job-types", name)}>${name}</a>`;
}

/** @param {{tags: Record<string, string>}} properties */
export function Tags({ tags }) {
  return Object.entries(tags).map(([key, value]) => html`<a key=${key} class="tag" href=${address("jobs", null, [["tag", `${key}:${value}`]])}>${`${key}:${value}`}</a>`);
}

/**
 * A number that leads to what it counts; zero leads nowhere.
 * @param {{number: number, href: string}} properties
 */
export function Linked({ number, href }) {
  return number === 0 ? html`<span class="none">0</span>` : html`<a href=${href}>${count(number)}</a>`;
}

/** How many of a group are in which state, as a bar; the words next to it say the same. @param {{counts: Record<string, number>}} properties */
export function CountBar({ counts }) {
  let from = 0;
  const parts = ["succeeded", "dead", "cancelled", ...LIVE.toReversed()].map((state) => {
    const width = counts.total === 0 ? 0 : (counts[state] / counts.total) * 100;
    const part = html`<rect key=${state} x=${from} y="0" width=${width} height="4" class=${`bar ${state}`} />`;
    from += width;
    return part;
  });
  return html`<svg viewBox="0 0 100 4" preserveAspectRatio="none" class="bars" aria-hidden="true">${parts}</svg>`;
}

/** @param {{counts: Record<string, number>, href?: (state: string) => string}} properties */
export function CountWords({ counts, href }) {
  const present = STATES.filter((state) => counts[state] > 0);
  return html`<span class="counts">${present.map((state) => html`
    <span key=${state}><${State} state=${state} /> ${href ? html`<a href=${href(state)}>${count(counts[state])}</a>` : count(counts[state])}</span>`)}</span>`;
}
