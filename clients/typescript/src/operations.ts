// Handles of queues, schedules and workers.

import { Handle } from "./handle.js";
import { newKey, path } from "./http.js";
import { Job } from "./jobs.js";
import { ifVersion } from "./specs.js";
import type { JobOut, PurgeOut, QueueChangesIn, QueueOut, ScheduleOut, WorkerOut } from "./types.js";

/** A queue; its id is its name. */
export class Queue extends Handle<QueueOut> {
  protected override get place(): string {
    return path`/v1/queues/${this.id}`;
  }

  /** Change limits and defaults; null removes a limit. */
  update(changes: QueueChangesIn, options: { ifMatch?: number } = {}): Promise<this> {
    return this.load(this.http.json("PATCH", this.place, { body: changes, ...ifVersion(options.ifMatch) }));
  }

  /** Start no more jobs of the queue, or no more of one job type. */
  pause(body: { job_type?: string } = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/queues/${this.id}/pause`, { body }));
  }

  resume(body: { job_type?: string } = {}): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/queues/${this.id}/resume`, { body }));
  }

  /** Remove the jobs that wait in the queue; returns their number. */
  async purge(): Promise<number> {
    const call = { body: { confirm: this.id }, repeat: false, needs: "purged" };
    return (await this.http.json<PurgeOut>("POST", path`/v1/queues/${this.id}/purge`, call)).purged;
  }

  /** Forget the empty queue and its settings. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}

/** A schedule; its id is its name. To change one, put it again. */
export class Schedule extends Handle<ScheduleOut> {
  protected override get place(): string {
    return path`/v1/schedules/${this.id}`;
  }

  pause(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/schedules/${this.id}/pause`));
  }

  resume(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/schedules/${this.id}/resume`));
  }

  /** Submit its job now, in addition to its fire times. */
  async runNow(options: { idempotencyKey?: string } = {}): Promise<Job> {
    const headers = { "Idempotency-Key": options.idempotencyKey ?? newKey() };
    const data: JobOut = await this.http.json("POST", path`/v1/schedules/${this.id}/run-now`, { headers });
    return new Job(this.http, data.id, data);
  }

  async delete(options: { ifMatch?: number } = {}): Promise<void> {
    await this.http.json("DELETE", this.place, ifVersion(options.ifMatch));
  }
}

/** A worker. */
export class Worker extends Handle<WorkerOut> {
  protected override get place(): string {
    return path`/v1/workers/${this.id}`;
  }

  /** Let it finish or hand back its jobs, and exit. */
  drain(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/workers/${this.id}/drain`));
  }
}
