/** The REST API, as any other client sees it. */

import { parse } from "./exact_json.js";
import { currentKey } from "./session.js";

const SECONDS = 20;

/** Dispatches "refused" when the API wants a key, or another one. */
export const access = new EventTarget();

/** A response that is not a success, or none at all (`status` 0). */
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

/** @param {unknown} error */
export function inWords(error) {
  if (!(error instanceof Problem)) return String(error);
  const rows = error.errors.map((row) => `${row.pointer} ${row.message}`).join("; ");
  return `${error.title}: ${error.detail}${rows ? ` (${rows})` : ""}`;
}

/**
 * A path below /v1 whose values are escaped: path`jobs/${id}`.
 * @param {TemplateStringsArray} texts
 * @param {...string} values
 */
export function path(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map(encodeURIComponent));
}

/** @typedef {Iterable<[string, string]>} Parameters */

/**
 * @param {string} address from `path`
 * @param {{parameters?: Parameters, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function read(address, { parameters = [], signal } = {}) {
  return ask(urlOf(address, parameters), { method: "GET" }, signal);
}

/**
 * @param {string} address
 * @param {Parameters} [parameters]
 */
export function urlOf(address, parameters = []) {
  const url = new URL(`v1/${address}`, document.baseURI);
  for (const [name, value] of parameters) if (value !== "") url.searchParams.append(name, value);
  return url;
}

/**
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {string} address from `path`
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function send(method, address, body, headers = {}) {
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  const typed = body === undefined ? headers : { ...headers, "Content-Type": "application/json" };
  return ask(urlOf(address), { method, headers: typed, ...given });
}

/**
 * @param {string} address
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 */
export function post(address, body, headers) {
  return send("POST", address, body, headers);
}

/** A header that makes a repeated request one request. `randomUUID` is missing on pages without TLS. */
export function once() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { "Idempotency-Key": [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
}

/** What the present key may do. @param {AbortSignal} [signal] */
export async function readAccess(signal) {
  return ask(new URL("dashboard/access", document.baseURI), { method: "GET" }, signal);
}

/** @returns {Record<string, string>} */
export function authorization() {
  const key = currentKey();
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @param {AbortSignal} [signal]
 */
async function ask(url, options, signal) {
  const key = currentKey();
  const limit = AbortSignal.timeout(SECONDS * 1000);
  let response, text;
  try {
    response = await fetch(url, {
      ...options, headers: { ...options.headers, ...authorization() },
      cache: "no-store", credentials: "omit", redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Problem(0, "No response", limit.aborted ? `The API did not respond within ${SECONDS} s.` : "The API cannot be reached.");
  }
  if (response.ok) return text === "" ? null : parse(text);
  // A response to an older key says nothing of the present one.
  if (response.status === 401 && key === currentKey()) access.dispatchEvent(new Event("refused"));
  throw problemOf(response, text);
}

/**
 * @param {Response} response
 * @param {string} text
 */
function problemOf(response, text) {
  try {
    const document = parse(text);
    return new Problem(response.status, document.title, document.detail, document);
  } catch {
    // A proxy in between has its own words.
    return new Problem(response.status, `Status ${response.status}`, text.slice(0, 200));
  }
}
