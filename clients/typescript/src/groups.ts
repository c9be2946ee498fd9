// Handles of flows and fan-outs, and the sending of items.

import { ItemsRejected, TriageError } from "./errors.js";
import { Waitable } from "./handle.js";
import { newKey, Outage, path, pause, type Http } from "./http.js";
import { Job } from "./jobs.js";
import { linesOf } from "./lines.js";
import { durable, type Durability } from "./specs.js";
import type {
  FanOutEventOut,
  FanOutOut,
  FlowEventOut,
  FlowOut,
  GraphOut,
  ItemResultOut,
  ItemsOut,
  JobOut,
  State,
} from "./types.js";

const FINISHED = ["succeeded", "failed", "cancelled"];
/** The API's limit of items in a chunk. */
const ITEMS = 5_000;
/** The characters of a chunk; the API's limit of a body is 32 MiB by default. */
const SIZE = 8 * 1024 * 1024;

/** A flow. `data` has all of it. */
export class Flow extends Waitable<FlowOut, FlowEventOut> {
  protected override readonly finished = FINISHED;

  protected override get place(): string {
    return path`/v1/flows/${this.id}`;
  }

  /** A job of the flow by its key. */
  job(key: string): Job {
    const id = this.data.jobs[key];
    if (id === undefined) {
      throw new TypeError(`${this.id} has no job '${key}': it has ${Object.keys(this.data.jobs).sort().join(", ")}`);
    }
    return new Job(this.http, id);
  }

  /** Its jobs, with those that were added while it ran. */
  async *jobs(options: { limit?: number } = {}): AsyncGenerator<Job> {
    for await (const row of this.http.items<JobOut>(path`/v1/flows/${this.id}/jobs`, {}, options.limit)) {
      yield new Job(this.http, row.id, row);
    }
  }

  /** Its jobs as nodes and edges. */
  graph(): Promise<GraphOut> {
    return this.http.json("GET", path`/v1/flows/${this.id}/graph`, { needs: "nodes" });
  }

  /** Cancel its unfinished jobs. */
  cancel(body: { grace_seconds?: number } = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/flows/${this.id}/cancel`, { body }));
  }

  /** Run what did not succeed again. */
  retry(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/flows/${this.id}/retry`, { repeat: false }));
  }

  /** Delete the finished flow and its jobs. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}

/** A fan-out. `data` has all of it. */
export class FanOut extends Waitable<FanOutOut, FanOutEventOut> {
  protected override readonly finished = FINISHED;

  protected override get place(): string {
    return path`/v1/fan-outs/${this.id}`;
  }

  /** How many items have finished, and how many there are. */
  get progress(): { finished: number; total: number } {
    const { succeeded, dead, cancelled, total } = this.data.counts;
    return { finished: succeeded + dead + cancelled, total };
  }

  /** The follow-up job. */
  get thenJob(): Job | null {
    const id = this.data.then_job_id;
    return id === null ? null : new Job(this.http, id);
  }

  /** The results in the order of the items, as they arrive; resumes when the response breaks. */
  async *results(options: { state?: State; fromIndex?: number; signal?: AbortSignal } = {}): AsyncGenerator<ItemResultOut> {
    const { state, signal } = options;
    let from = options.fromIndex ?? 0;
    const outage = new Outage();
    for (;;) {
      const query = { from_index: from, state };
      const place = path`/v1/fan-outs/${this.id}/results`;
      try {
        const stream = await this.http.stream(place, "application/x-ndjson", { query, signal });
        if (stream === null) return;
        for await (const line of linesOf(stream)) {
          const result = JSON.parse(line) as ItemResultOut;
          outage.end();
          from = result.index + 1;
          yield result;
        }
        return;
      } catch (error) {
        if (!(error instanceof TriageError)) throw error;
        await pause(outage.pause(error), signal);
      }
    }
  }

  /** Its items as jobs, highest index first, without the follow-up job. */
  async *jobs({ state, limit }: { state?: State; limit?: number } = {}): AsyncGenerator<Job> {
    for await (const row of this.http.items<JobOut>(path`/v1/fan-outs/${this.id}/jobs`, { state }, limit)) {
      yield new Job(this.http, row.id, row);
    }
  }

  /** Cancel its unfinished items. */
  cancel(body: { grace_seconds?: number } = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/fan-outs/${this.id}/cancel`, { body }));
  }

  /** Run dead and cancelled items again. */
  retry(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/fan-outs/${this.id}/retry`, { repeat: false }));
  }

  /** Delete the finished fan-out and its jobs. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}

export type Rows = Iterable<object> | AsyncIterable<object>;

export interface Sending {
  chunk?: number | undefined;
  idempotencyKey?: string | undefined;
  durability?: Durability | undefined;
  onSent?: ((count: number) => void) | undefined;
}

/** Create a fan-out, send its items and seal it. */
export async function sendItems(http: Http, spec: object, rows: Rows, sending: Sending): Promise<FanOut> {
  const headers = { "Idempotency-Key": sending.idempotencyKey ?? newKey(), ...durable(sending.durability) };
  const source = chunks(rows, sending.chunk ?? 2_000);
  const first = (await source.next()).value as Chunk;
  if (first.isLast) {
    // It fits into one request.
    const body = `${JSON.stringify(spec).slice(0, -1)},"items":[${first.items.join()}]}`;
    const data: FanOutOut = await http.json("POST", "/v1/fan-outs", { body, headers });
    sending.onSent?.(first.items.length);
    return new FanOut(http, data.id, data);
  }
  const open: FanOutOut = await http.json("POST", "/v1/fan-outs", { body: { ...spec, sealed: false }, headers });
  try {
    const count = await sendChunks(http, open.id, first, source, sending);
    const body = { expected_count: count };
    const data: FanOutOut = await http.json("POST", path`/v1/fan-outs/${open.id}/seal`, { body });
    return new FanOut(http, data.id, data);
  } catch (error) {
    // Without a key nothing can continue it, so the API need not wait for an hour until it cancels it.
    if (sending.idempotencyKey === undefined || error instanceof ItemsRejected) {
      await new FanOut(http, open.id).cancel().catch(() => undefined);
    }
    throw error;
  }
}

interface Chunk {
  items: string[];
  isLast: boolean;
}

async function sendChunks(
  http: Http,
  id: string,
  first: Chunk,
  source: AsyncGenerator<Chunk>,
  sending: Sending,
): Promise<number> {
  let next = 0;
  for (let start = 0, chunk = first; ; chunk = (await source.next()).value as Chunk) {
    // The first chunk is always sent, because its response says where to resume.
    if (start === 0 || start + chunk.items.length > next) {
      const body = `{"start_index":${start},"items":[${chunk.items.join()}]}`;
      const call = { body, headers: durable(sending.durability), needs: "next_index" };
      const found: ItemsOut = await http.json("POST", path`/v1/fan-outs/${id}/items`, call);
      next = found.next_index;
      if (found.rejected.length) throw new ItemsRejected(id, found.rejected);
    }
    start += chunk.items.length;
    sending.onSent?.(start);
    if (chunk.isLast) return start;
  }
}

/** At least one; the last may be empty. */
async function* chunks(rows: Rows, most: number): AsyncGenerator<Chunk> {
  if (!(most >= 1 && most <= ITEMS)) throw new RangeError(`chunk is ${most}: use 1 to ${ITEMS}`);
  let items: string[] = [];
  let size = 0;
  for await (const row of rows) {
    const text = JSON.stringify(row);
    items.push(text);
    size += text.length + 1;
    if (items.length >= most || size >= SIZE) {
      yield { items, isLast: false };
      items = [];
      size = 0;
    }
  }
  yield { items, isLast: true };
}
