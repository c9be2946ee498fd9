/** The REST API, as any other client sees it. */

import { parse } from "./exact_json.js";
import { currentKey } from "./session.js";

const SECONDS = 20;

/** Says "refused" when the API wants a key, or another one. */
export const access = new EventTarget();

/** An answer that is no success, or none at all (`status` 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} title
   * @param {string} detail
   * @param {{required_scope?: string, request_id?: string, code?: string,
   *   errors?: {pointer: string, message: string}[]}} [document]
   */
  constructor(status, title, detail, document = {}) {
    super(`${title}: ${detail}`);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.code = document.code ?? null;
    this.requiredScope = document.required_scope ?? null;
    this.requestId = document.request_id ?? null;
    this.errors = document.errors ?? [];
  }
}

/**
 * A path below /v1 whose values are escaped: path`jobs/${id}`.
 * @param {TemplateStringsArray} texts
 * @param {...string} values
 */
export function path(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map(encodeURIComponent));
}

/**
 * @param {string} address from `path`
 * @param {{parameters?: Iterable<[string, string]>, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function read(address, { parameters = [], signal } = {}) {
  const url = new URL(`v1/${address}`, document.baseURI);
  for (const [name, value] of parameters) if (value !== "") url.searchParams.append(name, value);
  return ask(url, { method: "GET" }, signal);
}

/**
 * @param {string} address from `path`
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function post(address, body, headers = {}) {
  const url = new URL(`v1/${address}`, document.baseURI);
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  const typed = body === undefined ? headers : { ...headers, "Content-Type": "application/json" };
  return ask(url, { method: "POST", headers: typed, ...given });
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @param {AbortSignal} [signal]
 */
async function ask(url, options, signal) {
  const key = currentKey();
  const headers = { ...options.headers, ...(key === null ? {} : { Authorization: `Bearer ${key}` }) };
  const limit = AbortSignal.timeout(SECONDS * 1000);
  let answer, text;
  try {
    answer = await fetch(url, {
      ...options, headers, cache: "no-store", credentials: "omit", redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    text = await answer.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Problem(0, "No response", limit.aborted ? `The API did not respond within ${SECONDS} s.` : "The API cannot be reached.");
  }
  if (answer.ok) return text === "" ? null : parse(text);
  // One that was asked with an older key says nothing of the present one.
  if (answer.status === 401 && key === currentKey()) access.dispatchEvent(new Event("refused"));
  throw problemOf(answer, text);
}

/**
 * @param {Response} answer
 * @param {string} text
 */
function problemOf(answer, text) {
  try {
    const document = parse(text);
    return new Problem(answer.status, document.title, document.detail, document);
  } catch {
    // A proxy in between answers in words of its own.
    return new Problem(answer.status, `Status ${answer.status}`, text.slice(0, 200));
  }
}
