// Where the API is, and how to talk to it.

import { ConfigurationError } from "./errors.js";

export interface Options {
  /** Default: TRIAGE_URL, else http://127.0.0.1:8080. */
  url?: string;
  /** Default: TRIAGE_API_KEY. */
  apiKey?: string;
  /** For the response to a request, in seconds; waiting for a job is not limited by it. Default: 10. */
  timeout?: number;
  /** How often the client retries a failed request, if that is safe. Default: 4. */
  maxRetries?: number;
  /** A replacement of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface Config {
  url: string;
  headers: Record<string, string>;
  timeout: number;
  maxRetries: number;
  fetch: typeof fetch;
  /** Where the URL came from, for messages; empty if it was an option. */
  source: string;
}

export function readConfig(options: Options): Config {
  const environment = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  const [given, source]: [string, string] = options.url
    ? [options.url, ""]
    : environment.TRIAGE_URL
      ? [environment.TRIAGE_URL, " (TRIAGE_URL)"]
      : ["http://127.0.0.1:8080", " (the default: TRIAGE_URL is not set)"];
  const key = options.apiKey ?? environment.TRIAGE_API_KEY ?? "";
  if (!/^[\x21-\x7e]*$/.test(key)) {
    throw new ConfigurationError("The API key contains spaces, line breaks or other invalid characters.");
  }
  return {
    url: checked(given, source),
    headers: key ? { Authorization: `Bearer ${key}` } : {},
    timeout: options.timeout ?? 10,
    maxRetries: options.maxRetries ?? 4,
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    source,
  };
}

function checked(text: string, source: string): string {
  const shown = `'${text.replace(/\/\/[^/]*@/, "//")}'${source}`;
  if (!/^https?:\/\/[^/]/.test(text)) {
    const hint = text.includes("://") ? "http://HOST:PORT" : `http://${text}`;
    throw new ConfigurationError(`${shown} has no http:// or https://: write ${hint}`);
  }
  if (!URL.canParse(text)) {
    throw new ConfigurationError(`${shown} is not a URL`);
  }
  const url = new URL(text);
  if (url.search || url.hash) {
    throw new ConfigurationError(`${shown} has a query or a fragment: give the API's address only`);
  }
  if (/\/v1(\/|$)/.test(url.pathname)) {
    const start = url.origin + url.pathname.slice(0, url.pathname.indexOf("/v1"));
    throw new ConfigurationError(`${shown} includes the path /v1, which the client adds: write ${start}`);
  }
  return text.replace(/\/+$/, "");
}
