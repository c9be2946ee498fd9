// Bodies of requests. What the caller does not give is not sent.

import { FAN_OUT_OPTIONS, type EdgeIn, type FanOutKeywords, type JobOptions, type JobSpecIn, type NodeIn } from "./types.js";

export type Payload = Record<string, unknown>;

/** A job to submit later; made by `jobSpec`. */
export class JobSpec {
  constructor(
    readonly body: JobSpecIn,
    readonly dependsOn: (string | EdgeIn)[],
  ) {}
}

/** A job where one is expected: its type's name alone, `jobSpec(...)`, or an object as the API takes it. */
export type AnyJob = string | JobSpec | JobSpecIn;

/** A job to submit later. `dependsOn` names jobs of its flow. */
export function jobSpec(
  name: string,
  payload?: Payload,
  options: JobOptions & { dependsOn?: string | EdgeIn | (string | EdgeIn)[] } = {},
): JobSpec {
  const { dependsOn = [], ...rest } = options;
  return new JobSpec(specBody(name, payload, rest), [dependsOn].flat());
}

export function specBody(name: string, payload: Payload | undefined, options: JobOptions): JobSpecIn {
  return { name, ...(payload === undefined ? {} : { payload }), ...options };
}

export function jobBody(job: AnyJob): JobSpecIn {
  if (typeof job === "string") return { name: job };
  if (!(job instanceof JobSpec)) return job;
  if (job.dependsOn.length) {
    throw new TypeError(`${job.body.name} has dependsOn, which only jobs of a flow can have`);
  }
  return job.body;
}

export function nodeBody(job: AnyJob | NodeIn): NodeIn {
  if (job instanceof JobSpec && job.dependsOn.length) return { job: job.body, depends_on: job.dependsOn };
  return typeof job === "object" && "job" in job ? job : { job: jobBody(job) };
}

/** A fan-out without its items. */
export function fanOutBody(name: string, payload: Payload | undefined, then: AnyJob | undefined, options: FanOutKeywords): object {
  const isOwn = ([key]: [string, unknown]): boolean => FAN_OUT_OPTIONS.includes(key);
  const entries = Object.entries(options);
  const template = specBody(name, payload, Object.fromEntries(entries.filter((entry) => !isOwn(entry))));
  return { template, ...Object.fromEntries(entries.filter(isOwn)), ...(then === undefined ? {} : { then: jobBody(then) }) };
}

/** A filter in a body, where tags are a list. */
export function filterBody(filter: object): object {
  const { tag } = filter as { tag?: unknown };
  return typeof tag === "string" ? { ...filter, tag: [tag] } : filter;
}

/** The header that asks the API to wait, and for how many seconds it will. */
export function prefer(wait: number | undefined): { headers: Record<string, string>; wait: number } {
  if (!wait) return { headers: {}, wait: 0 };
  const seconds = Math.min(wait, 30);
  return { headers: { Prefer: `wait=${seconds.toFixed(3)}` }, wait: seconds };
}

/** What a submission waits for: the master of Redis, or also a replica. */
export type Durability = "stored" | "replicated";

export function durable(durability: Durability | undefined): Record<string, string> {
  return durability === undefined ? {} : { Durability: durability };
}

/** The header If-Match; a request with it is not repeated blindly, because the first attempt changes the version. */
export function ifVersion(version: number | undefined): { headers: Record<string, string>; repeat: boolean } {
  return version === undefined
    ? { headers: {}, repeat: true }
    : { headers: { "If-Match": `"${version}"` }, repeat: false };
}
