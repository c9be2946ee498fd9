// Sends requests, repeats those that may be repeated, and reads the responses.

import type { Config } from "./config.js";
import { ApiError, NoResponse, TriageError, UnexpectedResponse } from "./errors.js";
import type { Problem } from "./types.js";

/** The items of a page; the API's limit. */
const PAGE = 200;
/** An idle event stream sends a comment every 15 s; after this time without one, the connection is dead. */
const SILENCE = 45;
/** The longest outage while the client waits, and the longest Retry-After that it follows, in seconds. */
const PATIENCE = 60;
/** Statuses of a proxy after which the same request may succeed. */
const GATEWAY = [408, 429, 502, 503, 504];
/** Codes of Node.js for connections that carried no request. */
const UNSENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"];
/** The API responds with these codes although it may have applied the request. */
const MAYBE_APPLIED = ["outcome_unknown", "shutting_down"];

export interface Call {
  query?: Record<string, unknown> | undefined;
  /** A value, or JSON as text. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether the client may send the request a second time although the first may have been applied. */
  repeat?: boolean;
  /** How long the API may wait before it responds, in seconds. */
  wait?: number;
  /** A member of the document; one without it is not from Triage. */
  needs?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Idempotency-Key for a request that only the client repeats. */
export const newKey = (): string => crypto.randomUUID();

/** A path with escaped values. */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  if (values.some((value) => ["", ".", ".."].includes(value))) throw new TypeError("An id or a name is empty");
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

export class Http {
  constructor(readonly config: Config) {}

  /** The document of the response; null for an empty one. */
  async json<T>(method: string, place: string, call: Call = {}): Promise<T> {
    for (let attempt = 1, maybeApplied = false; ; attempt++) {
      try {
        return (await this.#once(method, place, call)) as T;
      } catch (error) {
        // An earlier attempt, whose response was lost, deleted it.
        const gone = error instanceof ApiError && error.code === "not_found";
        if (gone && method === "DELETE" && maybeApplied) return null as T;
        if (attempt > this.config.maxRetries || !mayRepeat(error, call.repeat ?? true)) throw error;
        const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
        if (asked > PATIENCE) throw error;
        maybeApplied ||= !(error instanceof NoResponse) || error.maybeApplied;
        await pause(Math.max(asked, backoff(attempt)), call.signal);
      }
    }
  }

  async #once(method: string, place: string, call: Call): Promise<unknown> {
    const limit = new TimeLimit(this.config.timeout + (call.wait ?? 0), call.signal);
    try {
      const response = await this.#fetch(method, place, call, limit);
      const text = await this.#reading(response.text(), limit);
      if (response.status === 204 || response.status === 304) return null;
      const found = parsed(text);
      if (!response.ok) throw errorOf(response, found);
      const isDocument = typeof found === "object" && found !== null;
      const needs = "needs" in call ? call.needs : "object";
      if (!isDocument || (needs !== undefined && !(needs in found))) throw unexpected(response);
      return found;
    } finally {
      limit.clear();
    }
  }

  /** The bytes of a successful response, as they arrive; null for an empty one. It is not repeated. */
  async stream(place: string, mediaType: string, call: Call): Promise<AsyncIterable<Uint8Array> | null> {
    const limit = new TimeLimit(SILENCE, call.signal);
    try {
      const response = await this.#fetch("GET", place, call, limit);
      if (response.status === 204) {
        limit.clear();
        return null;
      }
      if (!response.ok) throw errorOf(response, parsed(await this.#reading(response.text(), limit)));
      if (!(response.headers.get("content-type") ?? "").startsWith(mediaType)) throw unexpected(response);
      return this.#chunks(response, limit);
    } catch (error) {
      limit.end();
      throw error;
    }
  }

  async *#chunks(response: Response, limit: TimeLimit): AsyncGenerator<Uint8Array> {
    const reader = response.body!.getReader();
    try {
      for (;;) {
        limit.restart();
        const { done, value } = await this.#reading(reader.read(), limit);
        if (done) return;
        yield value;
      }
    } finally {
      limit.end();
    }
  }

  async #fetch(method: string, place: string, call: Call, limit: TimeLimit): Promise<Response> {
    const url = new URL(this.config.url + place);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      for (const one of [value].flat()) {
        if (one !== undefined && one !== null) {
          url.searchParams.append(name, one instanceof Date ? one.toISOString() : String(one));
        }
      }
    }
    const body = call.body === undefined || typeof call.body === "string" ? call.body : JSON.stringify(call.body);
    const headers = {
      ...this.config.headers,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...call.headers,
    };
    const request = { method, headers, signal: limit.signal, redirect: "manual" as const };
    return this.#reading(this.config.fetch(url, body === undefined ? request : { ...request, body }), limit);
  }

  /** What a promise of the connection becomes, with errors of this client. */
  async #reading<T>(promise: Promise<T>, limit: TimeLimit): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (limit.isCallers) throw error;
      const why = limit.isOver ? `no response within ${limit.seconds} s` : reason(error);
      const text = `${this.config.url}${this.config.source} cannot be reached: ${why}`;
      throw new NoResponse(text, !UNSENT.includes(codeOf(error)), { cause: error });
    }
  }

  /** The items of all pages, at most `limit` of them. */
  async *items<T>(place: string, query: object = {}, limit = Infinity): AsyncGenerator<T> {
    let cursor: string | null = null;
    for (let left = limit; left > 0; ) {
      const call: Call = { query: { ...query, limit: Math.min(PAGE, left), cursor }, needs: "items" };
      const page: { items: T[]; next_cursor: string | null } = await this.json("GET", place, call);
      yield* page.items;
      left -= page.items.length;
      cursor = page.next_cursor;
      if (cursor === null) return;
    }
  }
}

/** Aborts a request after its time, or when the caller does. */
class TimeLimit {
  isOver = false;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly seconds: number,
    readonly callers: AbortSignal | undefined,
  ) {
    this.restart();
    if (callers?.aborted) this.#controller.abort(callers.reason);
    callers?.addEventListener("abort", this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isCallers(): boolean {
    return this.callers?.aborted ?? false;
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, this.seconds * 1000);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.callers?.removeEventListener("abort", this.#abort);
  }

  /** Close the connection of a stream that nobody reads on. */
  end(): void {
    this.clear();
    this.#controller.abort();
  }

  readonly #abort = (): void => this.#controller.abort(this.callers?.reason);
}

function mayRepeat(error: unknown, isSafe = true): boolean {
  if (error instanceof ApiError) {
    // Memory does not become free while a client waits.
    if (!error.retryable || error.code === "storage_full") return false;
    return isSafe || !MAYBE_APPLIED.includes(error.code);
  }
  if (error instanceof UnexpectedResponse) return isSafe && GATEWAY.includes(error.status);
  return error instanceof NoResponse && (isSafe || !error.maybeApplied);
}

/** Failures in a row while a program waits or reads a stream; it ends with the first success. */
export class Outage {
  #failures = 0;
  #since = 0;

  end(): void {
    this.#failures = 0;
  }

  /**
   * The pause before the next attempt, in seconds; `error` is undefined for a stream that ended too early.
   * Throws the error if it lasts.
   */
  pause(error?: unknown): number {
    if (++this.#failures === 1) this.#since = now();
    if (error !== undefined && (now() - this.#since > PATIENCE || !mayRepeat(error))) throw error;
    return backoff(this.#failures);
  }
}

/** In seconds. */
export const now = (): number => performance.now() / 1000;

/** Half of a pause is random, so that clients that failed together do not return together. */
function backoff(attempt: number): number {
  return Math.min(8, 0.25 * 2 ** Math.min(attempt - 1, 10)) * (0.5 + Math.random() / 2);
}

export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function errorOf(response: Response, found: unknown): TriageError {
  const problem = found as Partial<Problem> | null | undefined;
  if (typeof problem?.code !== "string" || typeof problem.status !== "number") return unexpected(response);
  const header = response.headers.get("retry-after") ?? "";
  const seconds = /^[\d.]+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return new ApiError(problem as Problem, Number.isFinite(seconds) ? Math.max(0, seconds) : undefined);
}

function unexpected(response: Response): UnexpectedResponse {
  const kind = (response.headers.get("content-type") ?? "").split(";")[0] || "a body without a content type";
  const address = (response.url || "The server").split("?")[0];
  const isRedirect = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400);
  const text = isRedirect
    ? `${address} responded with a redirect: the client does not follow redirects`
    : `${address} responded ${response.status} with ${kind}, which is not from Triage: ` +
      (response.ok ? "check the URL" : "a proxy may have responded");
  return new UnexpectedResponse(text, response.status);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface FetchError {
  message?: string;
  cause?: { message?: string; code?: string };
}

function reason(error: unknown): string {
  const { message, cause } = error as FetchError;
  return cause?.message || cause?.code || message || String(error);
}

/** The code of Node.js for a failed connection; browsers have none. */
function codeOf(error: unknown): string {
  return (error as FetchError).cause?.code ?? "";
}
