// The client.

import { AccessMethods } from "./access/methods.js";
import { readConfig, type Options } from "./config.js";
import { ApiError } from "./errors.js";
import { streamEvents } from "./event-streams.js";
import { FanOut, Flow, sendItems, type Rows, type Sending } from "./groups.js";
import { Http, newKey, path, type Call } from "./http.js";
import { BulkAction, DeadLetter, Job } from "./jobs.js";
import { Queue, Schedule, Worker } from "./operations.js";
import { durable, fanOutBody, filterBody, ifVersion, jobBody, nodeBody, prefer, specBody } from "./specs.js";
import type { AnyJob, Durability, Payload } from "./specs.js";
import type * as api from "./types.js";

export interface Submitting {
  /** Respond when it has finished, at the latest after this many seconds, up to 30. */
  wait?: number;
  /** Makes it safe for your program to repeat the call. */
  idempotencyKey?: string;
  /** `replicated`: respond once a replica of Redis has the submission. */
  durability?: Durability;
}

/** The outcome of one of many submissions. */
export type Submission = { job: Job; error: null } | { job: null; error: ApiError };

type Action = "cancel" | "retry" | "delete";
type BulkOptions = { rate_per_second?: number; max?: number; idempotencyKey?: string };
type Limited = { limit?: number };
type Window = { from?: string | Date; to?: string | Date };

/** The API's limit of jobs in a bulk submission. */
const BULK = 1_000;

export class Triage extends AccessMethods {
  constructor(options: Options = {}) {
    super(new Http(readConfig(options)));
  }

  /** Submit a job. The client repeats the request if its outcome is unknown; the job is created once. */
  async submit(name: string, payload?: Payload, options: api.JobOptions & Submitting = {}): Promise<Job> {
    const { wait, idempotencyKey, durability, ...rest } = options;
    const call = keyed(idempotencyKey, prefer(wait), durability);
    const data: api.JobOut = await this.http.json("POST", "/v1/jobs", { body: specBody(name, payload, rest), ...call });
    return new Job(this.http, data.id, data);
  }

  /** Submit jobs, 1,000 in a request; returns the outcome of each in order. */
  async submitMany(
    jobs: Iterable<AnyJob>,
    options: { atomic?: boolean; idempotencyKey?: string; durability?: Durability } = {},
  ): Promise<Submission[]> {
    const bodies = [...jobs].map(jobBody);
    if (options.atomic && bodies.length > BULK) throw new RangeError(`atomic submissions take at most ${BULK} jobs`);
    const key = options.idempotencyKey ?? newKey();
    const outcomes: Submission[] = [];
    for (let start = 0; start < bodies.length; start += BULK) {
      const body = { jobs: bodies.slice(start, start + BULK), ...(options.atomic ? { atomic: true } : {}) };
      const headers = { "Idempotency-Key": `${key}-${start / BULK}`, ...durable(options.durability) };
      const found: api.BulkOut = await this.http.json("POST", "/v1/jobs/bulk", { body, headers, needs: "results" });
      for (const { job, problem } of found.results) {
        outcomes.push(
          job ? { job: new Job(this.http, job.id, job), error: null } : { job: null, error: new ApiError(problem!) },
        );
      }
    }
    return outcomes;
  }

  /** A job by its id. Sends nothing: call a method of it. */
  job(id: string): Job {
    return new Job(this.http, id);
  }

  /** The jobs that match, newest first; reads further pages as you iterate, up to `limit` jobs. */
  async *jobs({ limit, ...filter }: api.JobFilter & Limited = {}): AsyncGenerator<Job> {
    for await (const row of this.http.items<api.JobOut>("/v1/jobs", filter, limit)) {
      yield new Job(this.http, row.id, row);
    }
  }

  /** A dead job by its id. Sends nothing: call a method of it. */
  deadLetter(jobId: string): DeadLetter {
    return new DeadLetter(this.http, jobId);
  }

  /** The dead jobs that match, newest first; reads further pages as you iterate. */
  async *deadLetters({ limit, ...filter }: api.DeadLetterFilter & Limited = {}): AsyncGenerator<DeadLetter> {
    for await (const row of this.http.items<api.DeadLetterOut>("/v1/dlq", filter, limit)) {
      yield new DeadLetter(this.http, row.job_id, row);
    }
  }

  /** Run all dead jobs that match again, as a bulk action. */
  async retryDeadLetters(filter: api.DeadBulkFilter, options: BulkOptions = {}): Promise<BulkAction> {
    const { idempotencyKey, ...limits } = options;
    const call = { body: { filter: filterBody(filter), ...limits }, ...keyed(idempotencyKey) };
    const data: api.BulkActionOut = await this.http.json("POST", "/v1/dlq/retry", call);
    return new BulkAction(this.http, data.id, data);
  }

  /** How many dead jobs match, and so how many `retryDeadLetters` would run again. */
  countDeadLetters(filter: api.DeadBulkFilter): Promise<api.BulkPreviewOut> {
    const body = { filter: filterBody(filter), dry_run: true };
    return this.http.json("POST", "/v1/dlq/retry", { body, needs: "matched" });
  }

  /** Cancel, retry or delete all jobs that match. */
  async bulkAction(action: Action, filter: api.BulkFilter, options: BulkOptions = {}): Promise<BulkAction> {
    const { idempotencyKey, ...limits } = options;
    const call = { body: { action, filter: filterBody(filter), ...limits }, ...keyed(idempotencyKey) };
    const data: api.BulkActionOut = await this.http.json("POST", "/v1/bulk-actions", call);
    return new BulkAction(this.http, data.id, data);
  }

  /** How many jobs match. */
  previewBulkAction(action: Action, filter: api.BulkFilter): Promise<api.BulkPreviewOut> {
    const body = { action, filter: filterBody(filter), dry_run: true };
    return this.http.json("POST", "/v1/bulk-actions", { body, needs: "matched" });
  }

  /** A bulk action by its id. Sends nothing: call a method of it. */
  bulkActionById(id: string): BulkAction {
    return new BulkAction(this.http, id);
  }

  /** The bulk actions, newest first. */
  async *bulkActions({ limit }: Limited = {}): AsyncGenerator<BulkAction> {
    for await (const row of this.http.items<api.BulkActionOut>("/v1/bulk-actions", {}, limit)) {
      yield new BulkAction(this.http, row.id, row);
    }
  }

  /** Submit jobs with dependencies under their keys; `jobSpec` has `dependsOn`. */
  async flow(
    name: string,
    jobs: Record<string, AnyJob | api.NodeIn>,
    options: api.FlowOptions & Submitting = {},
  ): Promise<Flow> {
    const { wait, idempotencyKey, durability, ...rest } = options;
    const nodes = Object.fromEntries(Object.entries(jobs).map(([key, job]) => [key, nodeBody(job)]));
    const call = { body: { name, jobs: nodes, ...rest }, ...keyed(idempotencyKey, prefer(wait), durability) };
    const data: api.FlowOut = await this.http.json("POST", "/v1/flows", call);
    return new Flow(this.http, data.id, data);
  }

  /** A flow by its id. Sends nothing: call a method of it. */
  flowById(id: string): Flow {
    return new Flow(this.http, id);
  }

  /** The flows, newest first, without the ids of their jobs. */
  async *flows({ limit }: Limited = {}): AsyncGenerator<Flow> {
    for await (const row of this.http.items<api.FlowOut>("/v1/flows", {}, limit)) {
      yield new Flow(this.http, row.id, { ...row, jobs: row.jobs ?? {} });
    }
  }

  /**
   * Submit a job per row: a payload, or an item with `payload`, `key`, `priority` and `delay_seconds`.
   *
   * Rows are sent in chunks as they come, and run as soon as they are stored. With an `idempotencyKey`, a program
   * that was interrupted continues where it stopped when it calls again with the same rows.
   */
  fanOut(
    name: string,
    rows: Rows,
    options: api.FanOutKeywords & Sending & { payload?: Payload; then?: AnyJob } = {},
  ): Promise<FanOut> {
    const { payload, then, chunk, idempotencyKey, durability, onSent, ...rest } = options;
    const spec = fanOutBody(name, payload, then, rest);
    return sendItems(this.http, spec, rows, { chunk, idempotencyKey, durability, onSent });
  }

  /** A fan-out by its id. Sends nothing: call a method of it. */
  fanOutById(id: string): FanOut {
    return new FanOut(this.http, id);
  }

  /** The fan-outs, newest first. */
  async *fanOuts({ limit }: Limited = {}): AsyncGenerator<FanOut> {
    for await (const row of this.http.items<api.FanOutOut>("/v1/fan-outs", {}, limit)) {
      yield new FanOut(this.http, row.id, row);
    }
  }

  /** A queue by its name. Sends nothing: call a method of it. */
  queue(name: string): Queue {
    return new Queue(this.http, name);
  }

  /** The queues by name, or those that need attention first. */
  async *queues({ limit, ...query }: Limited & { order?: "name" | "attention" } = {}): AsyncGenerator<Queue> {
    for await (const row of this.http.items<api.QueueOut>("/v1/queues", query, limit)) {
      yield new Queue(this.http, row.name, row);
    }
  }

  /** A schedule by its name. Sends nothing: call a method of it. */
  schedule(name: string): Schedule {
    return new Schedule(this.http, name);
  }

  /** The schedules by name. */
  async *schedules({ limit }: Limited = {}): AsyncGenerator<Schedule> {
    for await (const row of this.http.items<api.ScheduleOut>("/v1/schedules", {}, limit)) {
      yield new Schedule(this.http, row.name, row);
    }
  }

  /** Create a schedule or replace it. With `ifMatch`, only while its version is still this one. */
  async putSchedule(name: string, job: AnyJob, options: api.ScheduleOptions & { ifMatch?: number } = {}): Promise<Schedule> {
    const { ifMatch, ...rest } = options;
    const call = { body: { job: jobBody(job), ...rest }, ...ifVersion(ifMatch) };
    const data: api.ScheduleOut = await this.http.json("PUT", path`/v1/schedules/${name}`, call);
    return new Schedule(this.http, name, data);
  }

  /** A worker by its id. Sends nothing: call a method of it. */
  worker(id: string): Worker {
    return new Worker(this.http, id);
  }

  /** The workers. */
  async *workers({ limit }: Limited = {}): AsyncGenerator<Worker> {
    for await (const row of this.http.items<api.WorkerOut>("/v1/workers", {}, limit)) {
      yield new Worker(this.http, row.id, row);
    }
  }

  /** What the last audit of the namespace found, and whether one is running. */
  audit(): Promise<api.AuditOut> {
    return this.http.json("GET", "/v1/audit");
  }

  /** Let a worker audit the namespace now. */
  requestAudit(): Promise<api.AuditOut> {
    return this.http.json("POST", "/v1/audit");
  }

  /** The job types that workers know, with the schemas of their payloads. */
  async jobTypes(): Promise<api.JobTypeOut[]> {
    return (await this.http.json<api.JobTypePage>("GET", "/v1/job-types", { needs: "items" })).items;
  }

  /** Counts, times and depth per step: of a queue, of a job type, or of the namespace, for up to a day. */
  stats(query: Window & { queue?: string; type?: string; step?: api.StatsOut["step"] } = {}): Promise<api.StatsOut> {
    return this.http.json("GET", "/v1/stats", { query });
  }

  /** The queues with activity, most dead jobs and failed attempts first. */
  queueStats(query: Window & Limited = {}): Promise<api.StatsPage> {
    return this.http.json("GET", "/v1/stats/queues", { query, needs: "items" });
  }

  /** The job types with activity, most dead jobs and failed attempts first. */
  jobTypeStats(query: Window & Limited = {}): Promise<api.StatsPage> {
    return this.http.json("GET", "/v1/stats/job-types", { query, needs: "items" });
  }

  /** The dead jobs grouped by cause; `fingerprint` of a group is a filter of the other methods. */
  deadLetterGroups({ limit, ...filter }: api.DeadLetterGroupFilter & Limited = {}): AsyncGenerator<api.DeadLetterGroupOut> {
    return this.http.items("/v1/dlq/groups", filter, limit);
  }

  /**
   * The changes of jobs, flows, fan-outs and queues from now on; connects again when the stream breaks. `onGap` is
   * called when events were missed: read the current state again.
   */
  async *events(
    options: { queue?: string; types?: string[]; onGap?: () => void; signal?: AbortSignal } = {},
  ): AsyncGenerator<api.EventOut> {
    const { queue, types, onGap, signal } = options;
    const query = { queue, types: types?.join() };
    for await (const event of streamEvents(this.http, "/v1/events", { query, signal })) {
      if (event.name === "gap") onGap?.();
      if (event.name === "message") yield event.data as api.EventOut;
    }
  }

  /** Any other request, with the same retries and errors; it must be safe to repeat. */
  request<T>(method: string, place: string, call: Pick<Call, "query" | "body" | "headers" | "signal"> = {}): Promise<T> {
    return this.http.json(method, place, { ...call, needs: undefined });
  }
}

function keyed<C extends { headers: Record<string, string> }>(key: string | undefined, call?: C, durability?: Durability): Call {
  return { ...call, headers: { ...call?.headers, "Idempotency-Key": key ?? newKey(), ...durable(durability) } };
}
