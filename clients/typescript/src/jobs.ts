// Handles of jobs, dead letters and bulk actions.

import { JobCancelled, JobDead } from "./errors.js";
import { Handle, Waitable, type WaitOptions } from "./handle.js";
import { path } from "./http.js";
import { ifVersion, type Payload } from "./specs.js";
import type {
  AttemptOut,
  BulkActionOut,
  DeadLetterOut,
  ExplanationOut,
  JobChangesIn,
  JobEventOut,
  JobOut,
  LogOut,
} from "./types.js";

export interface RedriveOptions {
  payload?: Payload;
  queue?: string;
  delay_seconds?: number;
}

/** A job. `data` has all of it. */
export class Job extends Waitable<JobOut, JobEventOut> {
  protected override readonly finished = ["succeeded", "dead", "cancelled"];

  protected override get place(): string {
    return path`/v1/jobs/${this.id}`;
  }

  /** Wait for the job and return its result; throws JobDead, JobCancelled or WaitTimeout. */
  async result<Result = unknown>(options: WaitOptions = {}): Promise<Result> {
    await this.wait(options);
    // Lists leave large results out.
    if (this.data.truncated.includes("result")) await this.refresh();
    const { id, name, state, state_reason: reason, error, result, cancel_message: message } = this.data;
    if (state === "succeeded") return result as Result;
    if (state === "dead") {
      const last = error ? `: ${error.type}: ${error.message}` : "";
      throw new JobDead(`${name} ${id} is dead (${reason})${last}`, id, reason, error);
    }
    throw new JobCancelled(`${name} ${id} is cancelled (${reason})${message ? `: ${message}` : ""}`, id, reason, error);
  }

  /** Change an unfinished job. With `ifMatch`, only while its version is still this one. */
  update(changes: JobChangesIn, options: { ifMatch?: number } = {}): Promise<this> {
    return this.load(this.http.json("PATCH", this.place, { body: changes, ...ifVersion(options.ifMatch) }));
  }

  /** Cancel the job; a running one has its grace period. */
  cancel(body: { reason?: string; grace_seconds?: number } = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/jobs/${this.id}/cancel`, { body }));
  }

  /** Run a dead or cancelled job again. */
  retry(body: RedriveOptions = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/jobs/${this.id}/retry`, { body }));
  }

  /** Run a scheduled or retrying job now. */
  runNow(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/jobs/${this.id}/run-now`));
  }

  /** Delete a finished job. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }

  /** Its failed attempts, with their tracebacks. */
  async attempts(): Promise<AttemptOut[]> {
    const place = path`/v1/jobs/${this.id}/attempts`;
    return (await this.http.json<{ items: AttemptOut[] }>("GET", place, { needs: "items" })).items;
  }

  /** What its handler logged. */
  async logs(): Promise<LogOut[]> {
    const place = path`/v1/jobs/${this.id}/logs`;
    return (await this.http.json<{ items: LogOut[] }>("GET", place, { needs: "items" })).items;
  }

  /** Why the job is in its state. */
  explain(): Promise<ExplanationOut> {
    return this.http.json("GET", path`/v1/jobs/${this.id}/explain`);
  }
}

/** A dead job with its error and its attempts; `id` is the job's. */
export class DeadLetter extends Handle<DeadLetterOut> {
  protected override get place(): string {
    return path`/v1/dlq/${this.id}`;
  }

  /** Run the job again. */
  async retry(body: RedriveOptions = {}): Promise<Job> {
    const data: JobOut = await this.http.json("POST", path`/v1/dlq/${this.id}/retry`, { body });
    return new Job(this.http, data.id, data);
  }

  /** Delete the job. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}

/** A bulk action. `data` has all of it. */
export class BulkAction extends Waitable<BulkActionOut> {
  protected override readonly finished = ["succeeded", "cancelled"];

  protected override get place(): string {
    return path`/v1/bulk-actions/${this.id}`;
  }

  pause(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/bulk-actions/${this.id}/pause`));
  }

  resume(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/bulk-actions/${this.id}/resume`));
  }

  /** Leave the jobs that it has not reached as they are. */
  cancel(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/bulk-actions/${this.id}/cancel`));
  }
}
