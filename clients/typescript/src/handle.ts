// What the handles of jobs, flows, fan-outs and other resources have in common.

import { ApiError, NotLoaded, TriageError, WaitTimeout } from "./errors.js";
import { backoff, mayRepeat, PATIENCE, pause, type Http } from "./http.js";
import { EventParser, linesOf } from "./lines.js";
import type { Problem } from "./types.js";

/** The longest long poll, in seconds; the API allows 30. */
const POLL = 25;
/** A poll that ends sooner than this without news is followed by a pause of this length, in seconds. */
const EARLY = 0.5;

export interface WaitOptions {
  /** In seconds; default: forever. */
  timeout?: number;
  signal?: AbortSignal;
}

/** A resource by its id or name. Reading `data` needs a response that had it: `refresh()` brings one. */
export abstract class Handle<Data> {
  #data: Data | undefined;

  constructor(
    protected readonly http: Http,
    readonly id: string,
    data?: Data,
  ) {
    this.#data = data;
  }

  /** The path of the resource. */
  protected abstract get place(): string;

  /** The resource as the API sent it last. */
  get data(): Data {
    if (this.#data === undefined) {
      throw new NotLoaded(`${this.id} has not been read yet: call refresh() first`);
    }
    return this.#data;
  }

  protected get isLoaded(): boolean {
    return this.#data !== undefined;
  }

  /** Read the resource again. */
  async refresh(): Promise<this> {
    return this.load(this.http.json("GET", this.place));
  }

  protected async load(data: Promise<Data>): Promise<this> {
    this.#data = await data;
    return this;
  }
}

interface Finishing {
  state: string;
  version: number;
}

/** A resource that finishes. */
export abstract class Waitable<Data extends Finishing, Event extends Finishing = Finishing> extends Handle<Data> {
  protected abstract readonly finished: readonly string[];

  get state(): Data["state"] {
    return this.data.state;
  }

  get version(): number {
    return this.data.version;
  }

  /** As far as this handle has seen. */
  get isFinished(): boolean {
    return this.isLoaded && this.finished.includes(this.state);
  }

  /** Wait until it has finished; throws WaitTimeout. Tolerates an API that does not respond for up to a minute. */
  async wait({ timeout = Infinity, signal }: WaitOptions = {}): Promise<this> {
    const began = now();
    let responded = began;
    for (let failures = 0, hasPolled = false; !this.isFinished; ) {
      const at = now();
      const left = Math.max(0, Math.min(POLL, began + timeout - at));
      if (!left && hasPolled) throw new WaitTimeout(`${this.id} is still ${this.state} after ${timeout} s`);
      try {
        const query = { wait: left.toFixed(3) };
        await this.load(this.http.json("GET", this.place, { query, wait: left, signal }));
      } catch (error) {
        if (now() - began >= timeout || now() - responded > PATIENCE || !mayRepeat(error)) throw error;
        await pause(backoff(++failures), signal);
        continue;
      }
      failures = 0;
      hasPolled = true;
      responded = now();
      // A process that shuts down ends its polls at once.
      const early = Math.min(left, EARLY);
      if (!this.isFinished && responded - at < early) await pause(early, signal);
    }
    return this;
  }

  /** Its state now and every change until it has finished; connects again when the stream breaks. */
  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Event> {
    let lastId: string | undefined;
    let responded = now();
    for (let failures = 0; ; ) {
      const parser = new EventParser(lastId);
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId) headers["Last-Event-ID"] = lastId;
      try {
        const stream = await this.http.stream(`${this.place}/events`, "text/event-stream", { headers, signal });
        if (stream === null) return;
        for await (const line of linesOf(stream)) {
          const event = parser.feed(line);
          if (event?.name === "message") {
            failures = 0;
            responded = now();
            lastId = event.id;
            yield event.data as Event;
            if (this.finished.includes((event.data as Event).state)) return;
          } else if (event?.name === "unauthorized" || event?.name === "deleted") {
            throw this.#ended(event.name, event.data);
          }
        }
      } catch (error) {
        if (!(error instanceof TriageError) || !mayRepeat(error) || now() - responded > PATIENCE) throw error;
      }
      await pause(Math.max(parser.retry, backoff(++failures)), signal);
    }
  }

  #ended(name: "unauthorized" | "deleted", data: unknown): ApiError {
    const [status, code, why] =
      name === "deleted" ? ([404, "not_found", "it was deleted"] as const) : ([401, "unauthenticated", "access ended"] as const);
    const detail = `The stream of ${this.id} ended: ${why}.`;
    const given = (data as { code?: Problem["code"] } | null)?.code ?? code;
    const problem: Problem = {
      type: `/problems/${given}`,
      title: detail,
      status,
      detail,
      instance: this.place,
      code: given,
      retryable: false,
      request_id: null,
      errors: [],
    };
    return new ApiError(problem);
  }
}

/** In seconds. */
export const now = (): number => performance.now() / 1000;
