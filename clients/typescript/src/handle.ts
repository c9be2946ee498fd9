// What the handles of jobs, flows, fan-outs and other resources have in common.

import { NotLoaded, WaitTimeout } from "./errors.js";
import { problemOf, streamEvents } from "./event-streams.js";
import { now, Outage, pause, type Http } from "./http.js";

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
    const outage = new Outage();
    for (let hasPolled = false; !this.isFinished; ) {
      const at = now();
      const left = Math.max(0, Math.min(POLL, began + timeout - at));
      if (!left && hasPolled) throw new WaitTimeout(`${this.id} is still ${this.state} after ${timeout} s`);
      try {
        const query = { wait: left.toFixed(3) };
        await this.load(this.http.json("GET", this.place, { query, wait: left, signal }));
      } catch (error) {
        if (now() - began >= timeout) throw error;
        await pause(outage.pause(error), signal);
        continue;
      }
      outage.end();
      hasPolled = true;
      // A process that shuts down ends its polls at once.
      const early = Math.min(left, EARLY);
      if (!this.isFinished && now() - at < early) await pause(early, signal);
    }
    return this;
  }

  /** Its state now and every change until it has finished; connects again when the stream breaks. */
  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Event> {
    for await (const event of streamEvents(this.http, `${this.place}/events`, { signal })) {
      if (event.name === "deleted") throw problemOf(404, "not_found", null);
      if (event.name !== "message") continue;
      const data = event.data as Event;
      yield data;
      if (this.finished.includes(data.state)) return;
    }
  }
}
