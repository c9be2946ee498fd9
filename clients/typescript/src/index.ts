// Client of Triage.

export { ApiKey, Namespace } from "./access/tenants.js";
export { Delivery, Webhook } from "./access/webhooks.js";
export { Triage, type Submission, type Submitting } from "./client.js";
export type { Options } from "./config.js";
export * from "./errors.js";
export { FanOut, Flow, type Rows } from "./groups.js";
export { BulkAction, DeadLetter, Job } from "./jobs.js";
export { Queue, Schedule, Worker } from "./operations.js";
export { JobSpec, jobSpec, type AnyJob, type Durability, type Payload } from "./specs.js";
export type * from "./types.js";
