// What requests and responses contain. Written by `make generate` from the OpenAPI document.

/** A new key of the caller's namespace. It can permit nothing that the caller may not do. */
export interface ApiKeyIn {
  name: string;
  scopes: ("jobs:read" | "jobs:write" | "queues:read" | "queues:admin" | "dlq:read" | "dlq:write" | "schedules:read" | "schedules:write" | "webhooks:read" | "webhooks:write" | "workers:read" | "workers:admin" | "keys:admin" | "metrics:read" | "payload:read" | "namespaces:admin")[];
  /** The only queues that the key may use. */
  queues?: string[] | null;
  /** The only job types that the key may use. */
  names?: string[] | null;
  /** When the key stops working; absent = never. */
  expires_at?: string | Date | null;
}

/** An API key with its secret, which no other response contains. */
export interface ApiKeyIssuedOut {
  id: string;
  object: "api_key";
  version: number;
  name: string;
  namespace: string;
  scopes: string[];
  queues: string[] | null;
  names: string[] | null;
  created_at: string;
  /** The key or token that created it; null: the command line. */
  created_by: string | null;
  expires_at: string | null;
  rotated_at: string | null;
  /** When the secret before the last rotation stops working. */
  previous_expires_at: string | null;
  /** Accurate to about a minute. */
  last_used_at: string | null;
  key: string;
}

/** An API key, without its secret. */
export interface ApiKeyOut {
  id: string;
  object: "api_key";
  version: number;
  name: string;
  namespace: string;
  scopes: string[];
  queues: string[] | null;
  names: string[] | null;
  created_at: string;
  /** The key or token that created it; null: the command line. */
  created_by: string | null;
  expires_at: string | null;
  rotated_at: string | null;
  /** When the secret before the last rotation stops working. */
  previous_expires_at: string | null;
  /** Accurate to about a minute. */
  last_used_at: string | null;
}

export interface ApiKeyPage {
  items: ApiKeyOut[];
  next_cursor: string | null;
}

/** An attempt: the status of the response, or the error instead of one. */
export interface AttemptMadeOut {
  at: string;
  duration_seconds: number;
  status: number | null;
  error: string | null;
}

/** An attempt that failed, crashed (its subprocess died) or was lost with its worker. */
export interface AttemptOut {
  attempt: number;
  outcome: "failed" | "crashed" | "lost";
  at: string;
  worker_id: string | null;
  duration_seconds: number | null;
  type: string;
  message: string;
  traceback: string;
}

/** Failed attempts, oldest first, at most 50. */
export interface AttemptPage {
  items: AttemptOut[];
  next_cursor: string | null;
}

/** How often the audit found a kind with an outcome. */
export interface AuditCountOut {
  kind: string;
  outcome: "repaired" | "repairable" | "reported";
  count: number;
}

/** A structure that disagreed with the jobs or records that it describes. */
export interface AuditFindingOut {
  /** The kind of damage; docs/reference/audit.md explains each. */
  kind: string;
  /**
   * `reported`: what would be right is not certain. `repairable`: an audit without repairs would have
   * repaired it.
   */
  outcome: "repaired" | "repairable" | "reported";
  /** The key in Redis, without the prefix of the namespace. */
  key: string;
  /** The ID of the job, flow or fan-out, if it is about one. */
  resource_id: string | null;
  detail: string;
}

/** The audits of the namespace. */
export interface AuditOut {
  object: "audit";
  /** When the running audit began, if there is one. */
  running_since: string | null;
  /** When the next audit was requested, if it was. */
  requested_at: string | null;
  /** The last complete audit. */
  report: AuditReportOut | null;
}

/** A complete audit. */
export interface AuditReportOut {
  started_at: string;
  ended_at: string;
  /** Jobs that it compared. */
  jobs: number;
  /** Entries of indexes, and other records. */
  entries: number;
  /** Whether the workers' Redis user may SCAN, so that it found records that no index names. */
  all_keys: boolean;
  /** Whether it compared the counters: it does so for up to 200,000 jobs, if it can read all. */
  counters: boolean;
  repaired: number;
  unrepaired: number;
  counts: AuditCountOut[];
  /** Up to 100 of each outcome, those that were not repaired first. */
  findings: AuditFindingOut[];
}

/** `value` is running plus startable jobs: queued or due within 30 s, and not held back. */
export interface AutoscaleOut {
  queue: string;
  value: number;
  queued: number;
  running: number;
  due: number;
  startable: number;
  paused: boolean;
}

/** What to do with every job that matches. */
export interface BulkActionIn {
  /** Only count the matching jobs. */
  dry_run?: boolean;
  /** The most jobs per second, across all processes. Default: 5000. */
  rate_per_second?: number | null;
  /** Stop after this many jobs. */
  max?: number | null;
  action: "cancel" | "retry" | "delete";
  filter: BulkFilterIn;
}

/** A bulk action and its progress; `matched` counts the jobs it has found so far. */
export interface BulkActionOut {
  id: string;
  object: "bulk_action";
  version: number;
  state: "running" | "paused" | "succeeded" | "cancelled";
  action: "cancel" | "retry" | "delete";
  filter: BulkFilterOut;
  rate_per_second: number | null;
  max: number | null;
  counts: BulkCountsOut;
  created_at: string;
  finished_at: string | null;
}

/** A page of bulk actions, newest first. */
export interface BulkActionPage {
  items: BulkActionOut[];
  next_cursor: string | null;
}

/** Jobs done, and jobs skipped because they changed first or another job holds their unique key. */
export interface BulkCountsOut {
  matched: number;
  succeeded: number;
  skipped: number;
}

/** The filters of the list of jobs. All must match; set at least one. */
export interface BulkFilterIn {
  /** Only dead jobs of this group of GET /v1/dlq/groups. */
  fingerprint?: string | null;
  queue?: string | null;
  name?: string | null;
  /** key:value; all must match. */
  tag?: string | string[] | null;
  flow_id?: string | null;
  fan_out_id?: string | null;
  /** Only jobs created at or after this time. */
  created_after?: string | Date | null;
  /** Only jobs created before this time. */
  created_before?: string | Date | null;
  state?: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead" | null;
}

/** The filter; null matches every job. */
export interface BulkFilterOut {
  queue: string | null;
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead" | null;
  name: string | null;
  tag: string[] | null;
  reason: "exhausted" | "non_retryable" | "poison" | "expired" | "deadline" | "unroutable" | "undecodable" | null;
  flow_id: string | null;
  fan_out_id: string | null;
  created_after: string | null;
  created_before: string | null;
  fingerprint: string | null;
}

/** The result for each job, in the order of the request. */
export interface BulkOut {
  succeeded: number;
  failed: number;
  results: BulkRow[];
}

/** The number of matching jobs. If `at_least` is set, counting stopped and more may match. */
export interface BulkPreviewOut {
  dry_run: true;
  action: "cancel" | "retry" | "delete";
  filter: BulkFilterOut;
  matched: number;
  at_least: boolean;
}

/** The result for one job of a bulk submission. */
export interface BulkRow {
  index: number;
  status: number;
  job: JobOut | null;
  problem: Problem | null;
}

/** The callback; the query of its URL is hidden. */
export interface CallbackOut {
  url: string;
  events: string[];
}

/** The reason, and how many seconds a running job has to react. */
export interface CancelIn {
  /** Stored as `cancel_message`. */
  reason?: string | null;
  /** Default: TRIAGE_CANCEL_GRACE_SECONDS. The earliest of several deadlines applies. */
  grace_seconds?: number | null;
}

export interface CountsOut {
  queued: number;
  scheduled: number;
  retrying: number;
  running: number;
  blocked: number;
}

/** The filters of the lists of dead letters and of jobs. All must match; set at least one. */
export interface DeadFilterIn {
  /** Only dead jobs of this group of GET /v1/dlq/groups. */
  fingerprint?: string | null;
  queue?: string | null;
  name?: string | null;
  /** key:value; all must match. */
  tag?: string | string[] | null;
  flow_id?: string | null;
  fan_out_id?: string | null;
  /** Only jobs created at or after this time. */
  created_after?: string | Date | null;
  /** Only jobs created before this time. */
  created_before?: string | Date | null;
  reason?: "exhausted" | "non_retryable" | "poison" | "expired" | "deadline" | "unroutable" | "undecodable" | null;
}

/** Dead letters with the same cause: job type, error type, and the message without numbers and ids. */
export interface DeadLetterGroupOut {
  fingerprint: string;
  object: "dlq_group";
  /** The job type; null in the group of all further causes. */
  name: string | null;
  /** null if the jobs died without an error, such as expired ones. */
  error_type: string | null;
  /** From one of the jobs. `[redacted]` as in errors of jobs. */
  message: string | null;
  /** The reason of the latest dead letter. */
  reason: string | null;
  count: number;
  first_seen_at: string;
  last_seen_at: string;
  /** The last 5, latest first. */
  queues: string[];
  /** The last 5 worker versions, latest first. */
  versions: string[];
  /** The latest dead letter of the group. */
  example_job_id: string;
}

export interface DeadLetterGroupPage {
  items: DeadLetterGroupOut[];
  next_cursor: string | null;
}

/** A dead job with its reason and attempts. Lists show only the last attempt. */
export interface DeadLetterOut {
  job_id: string;
  object: "dlq_entry";
  name: string;
  queue: string;
  reason: string | null;
  error: ErrorOut | null;
  failures: number;
  crashes: number;
  dead_at: string | null;
  payload: Record<string, unknown> | null;
  attempts: AttemptOut[];
  redriven: number;
  /** Its group in GET /v1/dlq/groups. */
  fingerprint: string | null;
  /**
   * Fields that are null or shortened because they are too large for a list. Read the resource itself to
   * get them. Empty outside lists.
   */
  truncated: string[];
}

export interface DeadLetterPage {
  items: DeadLetterOut[];
  next_cursor: string | null;
}

/** The dead jobs to run again. */
export interface DeadRetryIn {
  /** Only count the matching jobs. */
  dry_run?: boolean;
  /** The most jobs per second, across all processes. Default: 5000. */
  rate_per_second?: number | null;
  /** Stop after this many jobs. */
  max?: number | null;
  filter: DeadFilterIn;
}

/** An event for an endpoint. */
export interface DeliveryOut {
  /** Receivers get it as `webhook-id`, the same in each attempt. */
  id: string;
  object: "delivery";
  webhook_id: string;
  event: string;
  resource_id: string;
  /** The URL of a callback; null for an endpoint, which has its own. */
  url: string | null;
  status: "pending" | "delivered" | "failed";
  /** No attempts left; a response 410; an address that is not allowed; or the endpoint was disabled. */
  failure_reason: "exhausted" | "gone" | "refused" | "disabled" | null;
  attempts: number;
  last_attempt: AttemptMadeOut | null;
  next_attempt_at: string | null;
  created_at: string;
  ended_at: string | null;
  /** What the receiver gets. */
  body: Record<string, unknown>;
}

/** A page of deliveries, newest first. */
export interface DeliveryPage {
  items: DeliveryOut[];
  next_cursor: string | null;
}

/** Jobs per step, sampled within half a minute after its last minute. */
export interface DepthSeriesOut {
  queued: (number | null)[];
  /** Scheduled and retrying jobs. */
  delayed: (number | null)[];
  running: (number | null)[];
  dead: (number | null)[];
}

/** A dependency of a job, and the outcome it requires. */
export interface EdgeIn {
  key: string;
  when?: "succeeded" | "failed" | "finished";
}

/** The last failure of a job. */
export interface ErrorOut {
  type: string;
  /** `[redacted]` unless the caller may read payloads. */
  message: string;
  retryable: boolean;
  attempt: number;
}

/** The data of an event in the stream of a namespace or queue. */
export interface EventOut {
  /** `object.state`, such as job.dead, flow.failed or queue.paused. */
  type: string;
  at: string;
  object: "job" | "flow" | "fan_out" | "queue";
  /** For a queue, its name. */
  id: string;
  version: number | null;
  state: string;
  state_reason: string | null;
  queue: string | null;
  /** The job type, or the name of the flow. */
  name: string | null;
  /** The flow or fan-out of a job. */
  group_id: string | null;
}

/** Why a job is in its state. `summary` joins all messages; the most important reason comes first. */
export interface ExplanationOut {
  job_id: string;
  object: "explanation";
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead";
  summary: string;
  reasons: ReasonOut[];
  /** When the job will move on, if it waits only for a time. */
  next_at: string | null;
}

/** Reports how the fan-out ends. Absent `events`: however it ends. */
export interface FanOutCallbackIn {
  /** Receives a signed POST for each event, as webhooks do. */
  url: string;
  events?: ("fan_out.succeeded" | "fan_out.failed" | "fan_out.cancelled")[];
}

/** The data of a fan-out event; the event's ID is the version. */
export interface FanOutEventOut {
  id: string;
  object: "fan_out";
  version: number;
  state: "open" | "running" | "succeeded" | "failed" | "cancelled";
  counts: GroupCountsOut;
}

/** A fan-out and its progress. */
export interface FanOutOut {
  id: string;
  object: "fan_out";
  version: number;
  name: string;
  queue: string;
  state: "open" | "running" | "succeeded" | "failed" | "cancelled";
  sealed: boolean;
  counts: GroupCountsOut;
  max_concurrency: number | null;
  failure_tolerance: ToleranceOut;
  then_job_id: string | null;
  callback: CallbackOut | null;
  created_at: string;
  finished_at: string | null;
}

/** A page of fan-outs, newest first. */
export interface FanOutPage {
  items: FanOutOut[];
  next_cursor: string | null;
}

/** Creates one job per item from the template; the item's payload overrides the template's. */
export interface FanOutSpecIn {
  template: JobSpecIn;
  /** An object with a `payload` member is an item; any other value is the payload itself. */
  items?: (ItemIn | Record<string, unknown>)[];
  /** false: you will add more items and then seal the fan-out. */
  sealed?: boolean;
  /** The most items that run at the same time, across all workers. */
  max_concurrency?: number | null;
  failure_tolerance?: ToleranceIn;
  /** A follow-up job that runs once after all items finish, unless the fan-out is cancelled. */
  then?: JobSpecIn | null;
  callback?: FanOutCallbackIn | null;
}

/** Reports how the flow ends. Absent `events`: however it ends. */
export interface FlowCallbackIn {
  /** Receives a signed POST for each event, as webhooks do. */
  url: string;
  events?: ("flow.succeeded" | "flow.failed" | "flow.cancelled")[];
}

/** The data of a flow event; the event's ID is the version. */
export interface FlowEventOut {
  id: string;
  object: "flow";
  version: number;
  state: "running" | "succeeded" | "failed" | "cancelled";
  counts: GroupCountsOut;
}

/** A flow and its state. */
export interface FlowOut {
  id: string;
  object: "flow";
  version: number;
  name: string;
  state: "running" | "succeeded" | "failed" | "cancelled";
  counts: GroupCountsOut;
  callback: CallbackOut | null;
  jobs: Record<string, string>;
  created_at: string;
  finished_at: string | null;
}

/** A page of flows, newest first. */
export interface FlowPage {
  items: FlowSummaryOut[];
  next_cursor: string | null;
}

/** Jobs with dependencies. Triage accepts all of them or none. */
export interface FlowSpecIn {
  name: string;
  /**
   * fail: when a job dies, cancel jobs that have not started, except those that wait for it. continue:
   * only the conditions of edges decide.
   */
  on_failure?: "fail" | "continue";
  /** For every job of the flow, across all its attempts, counted from the submission. */
  deadline_seconds?: number | null;
  callback?: FlowCallbackIn | null;
  jobs: Record<string, NodeIn>;
}

/** A flow in a list, without its jobs. */
export interface FlowSummaryOut {
  id: string;
  object: "flow";
  version: number;
  name: string;
  state: "running" | "succeeded" | "failed" | "cancelled";
  counts: GroupCountsOut;
  callback: CallbackOut | null;
  created_at: string;
  finished_at: string | null;
}

/** Jobs that may not start before a time. POST /v1/queues/{name}/resume ends the freeze early. */
export interface FreezeOut {
  /** Jobs of this type without a limit key. */
  job_type: string | null;
  /** Jobs with this limit key. */
  limit_key: string | null;
  until: string;
  /** rate_limited: a handler raised RateLimited, as http.request does for Retry-After. */
  reason: "rate_limited";
  /** The job that caused the freeze. */
  job_id: string | null;
}

/** `to` waits for `from`; a job that added children waits for them with `child`. */
export interface GraphEdgeOut {
  from: string;
  to: string;
  when: "succeeded" | "failed" | "finished" | "child";
}

/** A job of the flow; all but key and ID are null if it was deleted. */
export interface GraphNodeOut {
  key: string;
  job_id: string;
  name: string | null;
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead" | null;
  queued_at: string | null;
  started_at: string | null;
  finished_at: string | null;
}

/** A flow's graph, for drawing. */
export interface GraphOut {
  flow_id: string;
  nodes: GraphNodeOut[];
  edges: GraphEdgeOut[];
}

/** How many seconds running jobs have to react. */
export interface GroupCancelIn {
  grace_seconds?: number | null;
}

/** The number of jobs in each state; they always add up to the total. */
export interface GroupCountsOut {
  total: number;
  blocked: number;
  scheduled: number;
  queued: number;
  running: number;
  retrying: number;
  succeeded: number;
  dead: number;
  cancelled: number;
}

/** `problem` says what is wrong. */
export interface HealthOut {
  status: "ok" | "failing";
  problem: string | null;
}

/** An item with options besides its payload. Absent options come from the template. */
export interface ItemIn {
  payload: Record<string, unknown>;
  /** Names the item in the results. */
  key?: string | null;
  /** Default: the template's. */
  priority?: number | null;
  /** Default: the template's. */
  delay_seconds?: number | null;
}

/** Items starting at an index. Existing items stay unchanged. */
export interface ItemsIn {
  start_index: number;
  items: (ItemIn | Record<string, unknown>)[];
}

/** The result of adding a chunk; `next_index` is the first missing index. */
export interface ItemsOut {
  accepted: number;
  deduplicated: number;
  rejected: RejectedOut[];
  next_index: number;
  sealed: boolean;
}

/** Reports how the job ends. Absent `events`: however it ends. */
export interface JobCallbackIn {
  /** Receives a signed POST for each event, as webhooks do. */
  url: string;
  events?: ("job.succeeded" | "job.dead" | "job.cancelled")[];
}

/** Changes to an unfinished job. Absent fields stay unchanged. */
export interface JobChangesIn {
  priority?: number | null;
  run_at?: string | Date | null;
  tags?: Record<string, string> | null;
  retry?: RetryIn | null;
}

/** The data of a job event; the event's ID is the version. */
export interface JobEventOut {
  id: string;
  object: "job";
  version: number;
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead";
  state_reason: string | null;
  progress: ProgressOut | null;
}

/** A job and its state. Times are UTC with milliseconds. */
export interface JobOut {
  id: string;
  object: "job";
  version: number;
  name: string;
  queue: string;
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead";
  state_reason: string | null;
  priority: number;
  payload: Record<string, unknown> | null;
  result: unknown;
  error: ErrorOut | null;
  progress: ProgressOut | null;
  attempt: number;
  max_attempts: number;
  retry: RetryOut;
  timeout_seconds: number;
  expires_seconds: number | null;
  deadline_seconds: number | null;
  retention_seconds: number;
  limit_key: string | null;
  unique: UniqueOut | null;
  callback: CallbackOut | null;
  failures: number;
  interruptions: number;
  crashes: number;
  deliveries: number;
  created_at: string;
  run_at: string;
  queued_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  /** When a client requested to cancel the job. */
  cancel_requested_at: string | null;
  /** The `reason` from the cancel request. */
  cancel_message: string | null;
  worker_id: string | null;
  flow_id: string | null;
  flow_key: string | null;
  fan_out_id: string | null;
  fan_out_index: number | null;
  tags: Record<string, string>;
  trace_id: string | null;
  /**
   * Fields that are null or shortened because they are too large for a list. Read the resource itself to
   * get them. Empty outside lists.
   */
  truncated: string[];
}

/** A page of jobs, newest first. A short page may still have a next page. */
export interface JobPage {
  items: JobOut[];
  next_cursor: string | null;
}

/** A job to run. Only `name` is required. */
export interface JobSpecIn {
  name: string;
  /** Default: the job type's queue, otherwise `default`. */
  queue?: string;
  /** Keep it to about 1 KB; pass a reference to larger data. */
  payload?: Record<string, unknown>;
  /** 0 to 1000; lower runs first. Default: inherited, otherwise 100. */
  priority?: number;
  delay_seconds?: number;
  run_at?: string | Date | null;
  /** Absent fields are inherited. */
  retry?: RetryIn;
  /** Per attempt. Default: inherited, otherwise 300. */
  timeout_seconds?: number;
  /** A job not started by then is dead (expired). Default: inherited, otherwise never. null: never. */
  expires_seconds?: number | null;
  /** Across all attempts. Default: inherited, otherwise no limit. null: no limit. */
  deadline_seconds?: number | null;
  /** How long Triage keeps the finished job. Default: inherited, otherwise 86400. */
  retention_seconds?: number;
  tags?: Record<string, string>;
  limit_key?: string | null;
  unique?: UniqueIn | null;
  callback?: JobCallbackIn | null;
}

/** A job type that at least one live worker knows. */
export interface JobTypeOut {
  name: string;
  object: "job_type";
  description: string;
  executor: "async" | "thread" | "process";
  concurrency: number | null;
  payload_schema: Record<string, unknown> | null;
  defaults: Record<string, unknown>;
  redact: string[];
}

export interface JobTypePage {
  items: JobTypeOut[];
  next_cursor: string | null;
}

/** Up to 1,000 jobs. `atomic`: all or nothing, for at most 500. */
export interface JobsIn {
  jobs: JobSpecIn[];
  atomic?: boolean;
}

/** Limits of a limit key. null removes a limit; in an override, absent applies the limit for all keys. */
export interface KeyLimitsIn {
  max_concurrency?: number | null;
  rate_limit?: RateLimitIn | null;
}

export interface KeyLimitsOut {
  max_concurrency: number | null;
  rate_limit: RateLimitOut | null;
}

/** For absent limits, the limit for all keys applies. */
export interface KeyOverrideOut {
  max_concurrency?: number | null;
  rate_limit?: RateLimitOut | null;
}

/** The last job that the schedule started; `slot` is null for a run on request. */
export interface LastRunOut {
  job_id: string;
  slot: string | null;
}

/** A line that the handler logged. */
export interface LogOut {
  at: string;
  message: string;
}

/** Log lines, oldest first, at most 1,000. */
export interface LogPage {
  items: LogOut[];
  next_cursor: string | null;
}

/** An event that may explain a change: a new worker version, or a pause or resume. */
export interface MarkOut {
  at: string;
  kind: "deploy" | "pause" | "resume";
  /** The worker version of a deploy. */
  version: string | null;
  queue: string | null;
  /** Set if only this job type was paused or resumed. */
  job_type: string | null;
}

/** What to change. */
export interface NamespaceChangesIn {
  description?: string | null;
  quotas?: QuotasIn | null;
  retention_seconds?: number | null;
  redact?: string[] | null;
}

/** A new namespace. */
export interface NamespaceIn {
  name: string;
  description?: string;
  quotas?: QuotasIn | null;
  /** Retention of jobs that neither a client nor a job type sets. */
  retention_seconds?: number | null;
  /** JSON pointers to redact in payloads and results of all jobs. */
  redact?: string[];
}

/** A namespace with its quotas. */
export interface NamespaceOut {
  name: string;
  object: "namespace";
  version: number;
  description: string;
  quotas: QuotasOut;
  /** null in lists, and without any quota. */
  usage: UsageOut | null;
  retention_seconds: number | null;
  redact: string[];
  created_at: string;
}

export interface NamespacePage {
  items: NamespaceOut[];
  next_cursor: string | null;
}

/** A job of a flow. An edge is the key of another job, or an object with key and `when`. */
export interface NodeIn {
  job: JobSpecIn;
  depends_on?: (string | EdgeIn)[];
}

/** Without a job type, pauses or resumes the whole queue. */
export interface PauseIn {
  job_type?: string | null;
}

/** In seconds, one value per step; null without a run. Accurate to about 10 percent. */
export interface PercentileSeriesOut {
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
}

/** In seconds; null without a run. Accurate to about 10 percent. */
export interface PercentilesOut {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** An error (RFC 9457). Programs rely on `code`, whose meaning never changes; `detail` is for people. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ProblemCode;
  retryable: boolean;
  request_id: string | null;
  errors: ProblemRow[];
  job_id?: string | null;
  current_state?: string | null;
  required_scope?: string | null;
}

/** One error and its location: a JSON pointer into the body, or a parameter's name. */
export interface ProblemRow {
  pointer: string;
  code: string;
  message: string;
}

/** The progress that a run reports. */
export interface ProgressOut {
  current: number;
  total: number | null;
  message: string | null;
}

/** `confirm` must be the queue's name. */
export interface PurgeIn {
  /** The name of the queue to purge. */
  confirm: string;
}

/** The number of cancelled jobs. */
export interface PurgeOut {
  purged: number;
}

/** Settings to change. null removes a limit; for aging, null means strict priority. */
export interface QueueChangesIn {
  priority_aging_seconds?: number | null;
  max_depth?: number | null;
  /** The most jobs that run at the same time, across all workers. */
  max_concurrency?: number | null;
  rate_limit?: RateLimitIn | null;
  /** The limits for each limit key. */
  per_key?: KeyLimitsIn | null;
  /** Overrides for individual limit keys. null removes an override; other overrides stay. */
  keys?: Record<string, KeyLimitsIn | null> | null;
  defaults?: QueueDefaultsIn | null;
}

/** What a job inherits from the queue when neither the job nor its type sets a value. */
export interface QueueDefaultsIn {
  priority?: number | null;
  timeout_seconds?: number | null;
  retry?: RetryIn | null;
  /** For submissions without the header `Durability`. */
  durability?: "stored" | "replicated" | null;
}

/** A queue with its current counts. */
export interface QueueOut {
  name: string;
  object: "queue";
  version: number;
  paused: boolean;
  counts: CountsOut;
  dlq_depth: number;
  oldest_queued_seconds: number | null;
  workers: number;
  capacity: number;
  enqueued_per_second: number;
  finished_per_second: number;
  failed_per_second: number;
  max_concurrency: number | null;
  rate_limit: RateLimitOut | null;
  priority_aging_seconds: number | null;
  max_depth: number | null;
  paused_job_types: string[];
  per_key: KeyLimitsOut;
  keys: Record<string, KeyOverrideOut>;
  defaults: Record<string, unknown>;
  /** Job types with queued jobs that no live worker of the queue knows. */
  unserved_job_types: string[];
  /** At most 100, longest first. */
  freezes: FreezeOut[];
}

export interface QueuePage {
  items: QueueOut[];
  next_cursor: string | null;
  totals: QueueTotalsOut | null;
}

/** Totals of all queues of the namespace. */
export interface QueueTotalsOut {
  queues: number;
  counts: CountsOut;
  dlq_depth: number;
}

/** null = no limit. An absent quota has its default in a new namespace, and does not change otherwise. */
export interface QuotasIn {
  /** Unfinished jobs, however late they are due. */
  jobs?: number | null;
  /** Bytes of payloads, results, errors; 1 KiB per job, flow and fan-out. */
  stored_bytes?: number | null;
  /** Queues with jobs or settings. */
  queues?: number | null;
  /** Limit keys of unfinished jobs. */
  limit_keys?: number | null;
  /** Unique keys that are held. */
  unique_keys?: number | null;
  /** Schedules. */
  schedules?: number | null;
  /** Bytes of the records of idempotency keys, which are kept for a day. */
  idempotency_bytes?: number | null;
  /** Bulk actions, which are kept for a day. */
  bulk_actions?: number | null;
  /** Jobs that clients submit. */
  submissions_per_second?: number | null;
  /** Requests, per API process. */
  requests_per_second?: number | null;
  /** Waiting requests, per API process. */
  waits?: number | null;
  /** Open event streams, per API process. */
  streams?: number | null;
}

/** null = no limit. */
export interface QuotasOut {
  jobs: number | null;
  stored_bytes: number | null;
  queues: number | null;
  limit_keys: number | null;
  unique_keys: number | null;
  schedules: number | null;
  idempotency_bytes: number | null;
  bulk_actions: number | null;
  submissions_per_second: number | null;
  requests_per_second: number | null;
  waits: number | null;
  streams: number | null;
}

/** At most `limit` starts in any period of `per_seconds`. */
export interface RateLimitIn {
  limit: number;
  per_seconds?: number;
  smooth?: boolean;
}

export interface RateLimitOut {
  limit: number;
  per_seconds: number;
  smooth: boolean;
}

/** One reason for the job's state. Fields that its code does not use are absent. */
export interface ReasonOut {
  code: "queue_paused" | "type_paused" | "no_worker" | "unknown_type" | "workers_busy" | "type_busy" | "queue_concurrency" | "queue_rate" | "type_frozen" | "key_concurrency" | "key_rate" | "key_frozen" | "fan_out_concurrency" | "jobs_ahead" | "ready" | "overdue" | "scheduled" | "retrying" | "due" | "no_live_worker" | "dependencies" | "children" | "fan_out" | "unique_holder" | "release_pending" | "running" | "lease_expired" | "cancel_requested" | "succeeded" | "cancelled" | "dead";
  message: string;
  /** When this ends, or ended. */
  until?: string | null;
  queue?: string | null;
  name?: string | null;
  limit_key?: string | null;
  fan_out_id?: string | null;
  limit?: number | null;
  per_seconds?: number | null;
  /** Running jobs that count toward the limit or capacity. */
  running?: number | null;
  /** Live workers of the queue that the reason refers to. */
  workers?: number | null;
  /** Live workers that are draining and claim no jobs. */
  draining?: number | null;
  capacity?: number | null;
  /** The oldest of the heartbeats from which `running` was counted. */
  seen_at?: string | null;
  /** Queued jobs with its type and limit key that run before it. */
  ahead?: number | null;
  /** Queued jobs in the queue, including this one. */
  queued?: number | null;
  priority?: number | null;
  /** Waiting time that outweighs one point of priority; null: strict priority. */
  aging_seconds?: number | null;
  /** The running attempt, or the last one that failed. */
  attempt?: number | null;
  max_attempts?: number | null;
  crashes?: number | null;
  error_type?: string | null;
  state_reason?: string | null;
  /** How many jobs it waits for; `waits_for` names at most 20. */
  total?: number | null;
  waits_for?: WaitsForOut[] | null;
  holder_id?: string | null;
  holder_state?: string | null;
  worker_id?: string | null;
  started_at?: string | null;
  lease_until?: string | null;
  requested_at?: string | null;
  forced_at?: string | null;
  finished_at?: string | null;
  /** The `reason` from the cancel request. */
  cancel_message?: string | null;
  /** POST to this URL to run the job again. */
  retry?: string | null;
}

/** Runs the job again, optionally with another payload, in another queue, or later. */
export interface RedriveIn {
  /** If absent: the job's payload. */
  payload?: Record<string, unknown> | null;
  /** If absent: the job's current queue. */
  queue?: string | null;
  delay_seconds?: number;
}

/** A rejected item. Its index stays free. */
export interface RejectedOut {
  index: number;
  problem: Record<string, unknown>;
}

/** When a failed job runs again. */
export interface RetryIn {
  /** Total attempts, including the first. Default: 3. */
  max_attempts?: number;
  /** How the delay grows with each failure. Default: exponential. */
  backoff?: "fixed" | "linear" | "exponential";
  /** Delay after the first failure. Default: 1. */
  delay_seconds?: number;
  /** Longest delay. Default: 3600. */
  max_delay_seconds?: number;
  /** The fraction by which a delay is randomly shortened. Default: 0.2. */
  jitter?: number;
}

/** When the job runs again after a failure, with all defaults resolved. */
export interface RetryOut {
  max_attempts: number;
  backoff: "fixed" | "linear" | "exponential";
  delay_seconds: number;
  max_delay_seconds: number;
  jitter: number;
}

/** How the old secret ends. */
export interface RotateIn {
  /** How long the old secret stays valid, at most 30 days. */
  overlap_seconds?: number;
}

/** How long the replaced secret still signs, next to the new one. */
export interface RotationIn {
  overlap_seconds?: number;
}

/** The result of a fire time. */
export interface RunOut {
  slot: string | null;
  at: string;
  outcome: "created" | "existing" | "conflict" | "full" | "skipped" | "missed" | "replaced" | "too_many_queues" | "quota_exceeded";
  job_id: string | null;
}

/** A job and when to submit it: `cron` or `every_seconds`. */
export interface ScheduleIn {
  /** 5 fields, or 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly. */
  cron?: string | null;
  /** Counted from start_at, otherwise from the creation of the schedule. */
  every_seconds?: number | null;
  /** An IANA time zone, for cron. */
  timezone?: string;
  /** The job to submit at each fire time; it cannot have run_at. */
  job: JobSpecIn;
  /** Does not fire before this time. */
  start_at?: string | Date | null;
  /** Does not fire after this time. */
  end_at?: string | Date | null;
  /** Missed fire times: skip them, fire the latest, or fire the latest 100. */
  catch_up?: "none" | "latest" | "all";
  /** If an earlier run is unfinished: start another one, skip this fire time, or cancel the earlier run. */
  overlap?: "allow" | "skip" | "replace";
  paused?: boolean;
}

/** A schedule with its next fire times and at most 50 last runs, newest first. */
export interface ScheduleOut {
  name: string;
  object: "schedule";
  version: number;
  cron: string | null;
  every_seconds: number | null;
  timezone: string;
  job: Record<string, unknown>;
  start_at: string | null;
  end_at: string | null;
  catch_up: "none" | "latest" | "all";
  overlap: "allow" | "skip" | "replace";
  paused: boolean;
  next_run_at: string | null;
  next_runs: string[];
  last_run: LastRunOut | null;
  runs: RunOut[];
}

/** A page, by name. */
export interface SchedulePage {
  items: ScheduleOut[];
  next_cursor: string | null;
}

/** The number of items that the fan-out must have. */
export interface SealIn {
  expected_count: number;
}

export type State = "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead";

/** Columns of equal length: the value at index i covers step i, which begins at `from` + i * step. */
export interface StatsOut {
  object: "stats";
  queue: string | null;
  type: string | null;
  from: string;
  to: string;
  step: "1m" | "5m" | "1h";
  step_seconds: number;
  points: number;
  started: (number | null)[];
  succeeded: (number | null)[];
  /** Failed attempts, including those that are retried. */
  failed: (number | null)[];
  dead: (number | null)[];
  cancelled: (number | null)[];
  wait_seconds: PercentileSeriesOut;
  run_seconds: PercentileSeriesOut;
  /** null for a job type. */
  depth: DepthSeriesOut | null;
  totals: StatsTotalsOut;
  /** The last 100 in the window, oldest first. */
  marks: MarkOut[];
}

/** The queues or job types with activity in the window, most failures and deaths first. */
export interface StatsPage {
  items: StatsRowOut[];
  next_cursor: string | null;
  from: string;
  to: string;
  trend_step_seconds: number;
}

/** One queue or job type. */
export interface StatsRowOut {
  started: number;
  succeeded: number;
  failed: number;
  dead: number;
  cancelled: number;
  wait_seconds: PercentilesOut;
  run_seconds: PercentilesOut;
  /** `other` collects names beyond the limit. */
  name: string;
  trend: TrendOut;
}

/** The whole window. `failed` counts failed attempts; the others count jobs. */
export interface StatsTotalsOut {
  started: number;
  succeeded: number;
  failed: number;
  dead: number;
  cancelled: number;
  wait_seconds: PercentilesOut;
  run_seconds: PercentilesOut;
}

/** Failures that a fan-out tolerates. One more fails it and cancels the items that have not started. */
export interface ToleranceIn {
  count?: number | null;
  /** Percentage of all items; applies once the fan-out is sealed. */
  percent?: number | null;
}

export interface ToleranceOut {
  count: number | null;
  percent: number | null;
}

/** The same window in steps of `trend_step_seconds`; null is a gap. */
export interface TrendOut {
  succeeded: (number | null)[];
  failed: (number | null)[];
  dead: (number | null)[];
}

/** Only one job of a queue holds the key at a time. */
export interface UniqueIn {
  key: string;
  /** How long the job holds the key: until a milestone, or in seconds from now. */
  until?: "started" | "finished" | number;
  /**
   * Return the holder with 200, reject with 409, or replace: this job takes the place of a waiting
   * holder; if the holder is running, the newest job runs once after it.
   */
  on_conflict?: "return_existing" | "reject" | "replace";
}

/** The unique key as requested; `until` is a milestone, or seconds after the submission. */
export interface UniqueOut {
  key: string;
  until: "started" | "finished" | number;
  on_conflict: "return_existing" | "reject" | "replace";
}

/** What the namespace uses of the quotas that count something. */
export interface UsageOut {
  jobs: number;
  stored_bytes: number;
  queues: number;
  limit_keys: number;
  unique_keys: number;
  schedules: number;
  idempotency_bytes: number;
  bulk_actions: number;
}

/** A job, child or fan-out that a blocked job waits for; `state` is null if it was deleted. */
export interface WaitsForOut {
  id: string;
  key: string | null;
  state: string | null;
}

/** Changes to an endpoint. Absent fields stay unchanged. */
export interface WebhookChangesIn {
  url?: string | null;
  events?: ("job.succeeded" | "job.dead" | "job.cancelled" | "flow.succeeded" | "flow.failed" | "flow.cancelled" | "fan_out.succeeded" | "fan_out.failed" | "fan_out.cancelled" | "queue.paused" | "queue.resumed" | "job.*" | "flow.*" | "fan_out.*" | "queue.*" | "*")[] | null;
  description?: string | null;
}

/** An endpoint that receives events of the namespace. */
export interface WebhookIn {
  /** Its address must be public, or one that TRIAGE_HTTP_ALLOW names. */
  url: string;
  /** Single events, all of a kind (`job.*`), or all (`*`). */
  events: ("job.succeeded" | "job.dead" | "job.cancelled" | "flow.succeeded" | "flow.failed" | "flow.cancelled" | "fan_out.succeeded" | "fan_out.failed" | "fan_out.cancelled" | "queue.paused" | "queue.resumed" | "job.*" | "flow.*" | "fan_out.*" | "queue.*" | "*")[];
  description?: string;
}

/** An endpoint and its state. `callbacks` stands for the callbacks of all jobs, flows and fan-outs. */
export interface WebhookOut {
  id: string;
  object: "webhook";
  version: number;
  url: string | null;
  events: string[];
  description: string;
  enabled: boolean;
  disabled_at: string | null;
  /** Every attempt failed for a day; a response 410; or a request. */
  disabled_reason: "failing" | "gone" | "requested" | null;
  /** No attempt has succeeded since this time. */
  failing_since: string | null;
  /** Until when a replaced secret still signs. */
  secret_overlap_until: string | null;
  /** Deliveries that have not ended. */
  pending: number;
  /** Events that were lost because too many deliveries were pending. */
  dropped: number;
  created_at: string | null;
}

/** All endpoints, newest first. */
export interface WebhookPage {
  items: WebhookOut[];
  next_cursor: string | null;
}

/** An endpoint with its new secret, which no other response shows. */
export interface WebhookSecretOut {
  id: string;
  object: "webhook";
  version: number;
  url: string | null;
  events: string[];
  description: string;
  enabled: boolean;
  disabled_at: string | null;
  /** Every attempt failed for a day; a response 410; or a request. */
  disabled_reason: "failing" | "gone" | "requested" | null;
  /** No attempt has succeeded since this time. */
  failing_since: string | null;
  /** Until when a replaced secret still signs. */
  secret_overlap_until: string | null;
  /** Deliveries that have not ended. */
  pending: number;
  /** Events that were lost because too many deliveries were pending. */
  dropped: number;
  created_at: string | null;
  /** `whsec_` and base64: verifies the signatures (Standard Webhooks). */
  secret: string;
}

/** A worker process as of its last heartbeat. */
export interface WorkerOut {
  id: string;
  object: "worker";
  host: string;
  pid: number;
  version: string;
  queues: Record<string, number>;
  job_types: string[];
  state: "running" | "draining" | "lost";
  running: number;
  capacity: number;
  started_at: string;
  seen_at: string;
}

export interface WorkerPage {
  items: WorkerOut[];
  next_cursor: string | null;
}

export type ProblemCode = "backend_unavailable" | "bad_request" | "body_too_large" | "configuration_invalid" | "count_mismatch" | "cursor_invalid" | "fan_out_sealed" | "flow_invalid" | "headers_too_large" | "host_not_allowed" | "http_error" | "http_invalid" | "idempotency_key_reused" | "internal_error" | "invalid_state" | "issuer_unavailable" | "json_invalid" | "key_restricted" | "method_not_allowed" | "namespace_exists" | "namespace_not_empty" | "not_found" | "not_replicated" | "outbox_full" | "outcome_unknown" | "payload_invalid" | "payload_too_large" | "queue_full" | "queue_not_empty" | "quota_exceeded" | "request_too_slow" | "scope_missing" | "shutting_down" | "storage_full" | "store_fault" | "too_many_bodies" | "too_many_failures" | "too_many_queues" | "too_many_streams" | "too_many_waiters" | "too_many_webhooks" | "unauthenticated" | "unique_conflict" | "unknown_job_type" | "unknown_parameter" | "unsupported_media_type" | "validation_failed" | "version_mismatch";

/** A line of a fan-out's results: an item with its outcome or current state. */
export interface ItemResultOut {
  index: number;
  key: string | null;
  job_id: string;
  state: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead";
  result: unknown;
  error: ErrorOut | null;
}

/** See JobSpecIn. */
export interface JobOptions {
  /** Default: the job type's queue, otherwise `default`. */
  queue?: string;
  /** 0 to 1000; lower runs first. Default: inherited, otherwise 100. */
  priority?: number;
  delay_seconds?: number;
  run_at?: string | Date | null;
  /** Absent fields are inherited. */
  retry?: RetryIn;
  /** Per attempt. Default: inherited, otherwise 300. */
  timeout_seconds?: number;
  /** A job not started by then is dead (expired). Default: inherited, otherwise never. null: never. */
  expires_seconds?: number | null;
  /** Across all attempts. Default: inherited, otherwise no limit. null: no limit. */
  deadline_seconds?: number | null;
  /** How long Triage keeps the finished job. Default: inherited, otherwise 86400. */
  retention_seconds?: number;
  tags?: Record<string, string>;
  limit_key?: string | null;
  unique?: UniqueIn | null;
  callback?: JobCallbackIn | null;
}

/** See ScheduleIn. */
export interface ScheduleOptions {
  /** 5 fields, or 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly. */
  cron?: string | null;
  /** Counted from start_at, otherwise from the creation of the schedule. */
  every_seconds?: number | null;
  /** An IANA time zone, for cron. */
  timezone?: string;
  /** Does not fire before this time. */
  start_at?: string | Date | null;
  /** Does not fire after this time. */
  end_at?: string | Date | null;
  /** Missed fire times: skip them, fire the latest, or fire the latest 100. */
  catch_up?: "none" | "latest" | "all";
  /** If an earlier run is unfinished: start another one, skip this fire time, or cancel the earlier run. */
  overlap?: "allow" | "skip" | "replace";
  paused?: boolean;
}

/** See FlowSpecIn. */
export interface FlowOptions {
  /**
   * fail: when a job dies, cancel jobs that have not started, except those that wait for it. continue:
   * only the conditions of edges decide.
   */
  on_failure?: "fail" | "continue";
  /** For every job of the flow, across all its attempts, counted from the submission. */
  deadline_seconds?: number | null;
  callback?: FlowCallbackIn | null;
}

/** See FanOutSpecIn. */
export interface FanOutOptions {
  /** The most items that run at the same time, across all workers. */
  max_concurrency?: number | null;
  failure_tolerance?: ToleranceIn;
  callback?: FanOutCallbackIn | null;
}

/** See JobSpecIn and FanOutSpecIn. */
export interface FanOutKeywords {
  /** Default: the job type's queue, otherwise `default`. */
  queue?: string;
  /** 0 to 1000; lower runs first. Default: inherited, otherwise 100. */
  priority?: number;
  delay_seconds?: number;
  run_at?: string | Date | null;
  /** Absent fields are inherited. */
  retry?: RetryIn;
  /** Per attempt. Default: inherited, otherwise 300. */
  timeout_seconds?: number;
  /** A job not started by then is dead (expired). Default: inherited, otherwise never. null: never. */
  expires_seconds?: number | null;
  /** Across all attempts. Default: inherited, otherwise no limit. null: no limit. */
  deadline_seconds?: number | null;
  /** How long Triage keeps the finished job. Default: inherited, otherwise 86400. */
  retention_seconds?: number;
  tags?: Record<string, string>;
  limit_key?: string | null;
  unique?: UniqueIn | null;
  callback?: FanOutCallbackIn | null;
  /** The most items that run at the same time, across all workers. */
  max_concurrency?: number | null;
  failure_tolerance?: ToleranceIn;
}

/** See BulkFilterIn. */
export interface BulkFilter {
  /** Only dead jobs of this group of GET /v1/dlq/groups. */
  fingerprint?: string | null;
  queue?: string | null;
  name?: string | null;
  /** key:value; all must match. */
  tag?: string | string[] | null;
  flow_id?: string | null;
  fan_out_id?: string | null;
  /** Only jobs created at or after this time. */
  created_after?: string | Date | null;
  /** Only jobs created before this time. */
  created_before?: string | Date | null;
  state?: "blocked" | "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "cancelled" | "dead" | null;
}

/** See DeadFilterIn. */
export interface DeadBulkFilter {
  /** Only dead jobs of this group of GET /v1/dlq/groups. */
  fingerprint?: string | null;
  queue?: string | null;
  name?: string | null;
  /** key:value; all must match. */
  tag?: string | string[] | null;
  flow_id?: string | null;
  fan_out_id?: string | null;
  /** Only jobs created at or after this time. */
  created_after?: string | Date | null;
  /** Only jobs created before this time. */
  created_before?: string | Date | null;
  reason?: "exhausted" | "non_retryable" | "poison" | "expired" | "deadline" | "unroutable" | "undecodable" | null;
}

/** See ApiKeyIn. */
export interface ApiKeyOptions {
  /** The only queues that the key may use. */
  queues?: string[] | null;
  /** The only job types that the key may use. */
  names?: string[] | null;
  /** When the key stops working; absent = never. */
  expires_at?: string | Date | null;
}

/** See NamespaceIn. */
export interface NamespaceOptions {
  description?: string;
  quotas?: QuotasIn | null;
  /** Retention of jobs that neither a client nor a job type sets. */
  retention_seconds?: number | null;
  /** JSON pointers to redact in payloads and results of all jobs. */
  redact?: string[];
}

/** The filters of list_jobs. */
export interface JobFilter {
  queue?: string;
  state?: State;
  name?: string;
  /** key:value; if repeated, all must match */
  tag?: string | string[];
  flow_id?: string;
  fan_out_id?: string;
  /** Only jobs created at or after this time. */
  created_after?: string | Date;
  /** Only jobs created before this time. */
  created_before?: string | Date;
  /**
   * Text in the ID, the job type or a tag, in any case; or in the cause of a dead job, as GET
   * /v1/dlq/groups shows it.
   */
  search?: string;
}

/** The filters of list_dead_letters. */
export interface DeadLetterFilter {
  queue?: string;
  name?: string;
  reason?: string;
  /** A group of GET /v1/dlq/groups. */
  fingerprint?: string;
  /**
   * Text in the ID, the job type or a tag, in any case; or in the cause of a dead job, as GET
   * /v1/dlq/groups shows it.
   */
  search?: string;
}

/** The filters of list_dead_letter_groups. */
export interface DeadLetterGroupFilter {
  /** Groups with dead letters of this queue. */
  queue?: string;
  /** The job type. */
  name?: string;
  /** Text in the message, error type, reason or job type. */
  search?: string;
  /** The largest or latest first. */
  order?: "count" | "last_seen" | "first_seen";
}

/** What belongs to a fan-out, and not to its jobs. */
export const FAN_OUT_OPTIONS: string[] = ["max_concurrency", "failure_tolerance", "callback"];
