"""What requests and responses contain. Written by `make generate` from the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict


class ApiKeyIn(TypedDict):
    """A new key of the caller's namespace. It can permit nothing that the caller may not do."""

    name: str
    scopes: list[Literal["jobs:read", "jobs:write", "queues:read", "queues:admin", "dlq:read", "dlq:write", "schedules:read", "schedules:write", "webhooks:read", "webhooks:write", "workers:read", "workers:admin", "keys:admin", "metrics:read", "payload:read", "namespaces:admin"]]
    queues: NotRequired[list[str] | None]
    names: NotRequired[list[str] | None]
    expires_at: NotRequired[str | datetime | None]


class ApiKeyIssuedOut(TypedDict):
    """An API key with its secret, which no other response contains."""

    id: str
    object: Literal["api_key"]
    version: int
    name: str
    namespace: str
    scopes: list[str]
    queues: list[str] | None
    names: list[str] | None
    created_at: str
    created_by: str | None
    expires_at: str | None
    rotated_at: str | None
    previous_expires_at: str | None
    last_used_at: str | None
    key: str


class ApiKeyOut(TypedDict):
    """An API key, without its secret."""

    id: str
    object: Literal["api_key"]
    version: int
    name: str
    namespace: str
    scopes: list[str]
    queues: list[str] | None
    names: list[str] | None
    created_at: str
    created_by: str | None
    expires_at: str | None
    rotated_at: str | None
    previous_expires_at: str | None
    last_used_at: str | None


class ApiKeyPage(TypedDict):
    items: list["ApiKeyOut"]
    next_cursor: str | None


class AttemptMadeOut(TypedDict):
    """An attempt: the status of the response, or the error instead of one."""

    at: str
    duration_seconds: float
    status: int | None
    error: str | None


class AttemptOut(TypedDict):
    """An attempt that failed, crashed (its subprocess died) or was lost with its worker."""

    attempt: int
    outcome: Literal["failed", "crashed", "lost"]
    at: str
    worker_id: str | None
    duration_seconds: float | None
    type: str
    message: str
    traceback: str


class AttemptPage(TypedDict):
    """Failed attempts, oldest first, at most 50."""

    items: list["AttemptOut"]
    next_cursor: str | None


class AuditCountOut(TypedDict):
    """How often the audit found a kind with an outcome."""

    kind: str
    outcome: Literal["repaired", "repairable", "reported"]
    count: int


class AuditFindingOut(TypedDict):
    """A structure that disagreed with the jobs or records that it describes."""

    kind: str
    outcome: Literal["repaired", "repairable", "reported"]
    key: str
    resource_id: str | None
    detail: str


class AuditOut(TypedDict):
    """The audits of the namespace."""

    object: Literal["audit"]
    running_since: str | None
    requested_at: str | None
    report: "AuditReportOut | None"


class AuditReportOut(TypedDict):
    """A complete audit."""

    started_at: str
    ended_at: str
    jobs: int
    entries: int
    all_keys: bool
    counters: bool
    repaired: int
    unrepaired: int
    counts: list["AuditCountOut"]
    findings: list["AuditFindingOut"]


class AutoscaleOut(TypedDict):
    """`value` is running plus startable jobs: queued or due within 30 s, and not held back."""

    queue: str
    value: int
    queued: int
    running: int
    due: int
    startable: int
    paused: bool


class BulkActionIn(TypedDict):
    """What to do with every job that matches."""

    dry_run: NotRequired[bool]
    rate_per_second: NotRequired[float | None]
    max: NotRequired[int | None]
    action: Literal["cancel", "retry", "delete"]
    filter: "BulkFilterIn"


class BulkActionOut(TypedDict):
    """A bulk action and its progress; `matched` counts the jobs it has found so far."""

    id: str
    object: Literal["bulk_action"]
    version: int
    state: Literal["running", "paused", "succeeded", "cancelled"]
    action: Literal["cancel", "retry", "delete"]
    filter: "BulkFilterOut"
    rate_per_second: float | None
    max: int | None
    counts: "BulkCountsOut"
    created_at: str
    finished_at: str | None


class BulkActionPage(TypedDict):
    """A page of bulk actions, newest first."""

    items: list["BulkActionOut"]
    next_cursor: str | None


class BulkCountsOut(TypedDict):
    """Jobs done, and jobs skipped because they changed first or another job holds their unique key."""

    matched: int
    succeeded: int
    skipped: int


class BulkFilterIn(TypedDict):
    """The filters of the list of jobs. All must match; set at least one."""

    fingerprint: NotRequired[str | None]
    queue: NotRequired[str | None]
    name: NotRequired[str | None]
    tag: NotRequired[list[str] | None]
    flow_id: NotRequired[str | None]
    fan_out_id: NotRequired[str | None]
    created_after: NotRequired[str | datetime | None]
    created_before: NotRequired[str | datetime | None]
    state: NotRequired[Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"] | None]


class BulkFilterOut(TypedDict):
    """The filter; null matches every job."""

    queue: str | None
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"] | None
    name: str | None
    tag: list[str] | None
    reason: Literal["exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"] | None
    flow_id: str | None
    fan_out_id: str | None
    created_after: str | None
    created_before: str | None
    fingerprint: str | None


class BulkOut(TypedDict):
    """The result for each job, in the order of the request."""

    succeeded: int
    failed: int
    results: list["BulkRow"]


class BulkPreviewOut(TypedDict):
    """The number of matching jobs. If `at_least` is set, counting stopped and more may match."""

    dry_run: Literal[True]
    action: Literal["cancel", "retry", "delete"]
    filter: "BulkFilterOut"
    matched: int
    at_least: bool


class BulkRow(TypedDict):
    """The result for one job of a bulk submission."""

    index: int
    status: int
    job: "JobOut | None"
    problem: "Problem | None"


class CallbackOut(TypedDict):
    """The callback; the query of its URL is hidden."""

    url: str
    events: list[str]


class CancelIn(TypedDict):
    """The reason, and how many seconds a running job has to react."""

    reason: NotRequired[str | None]
    grace_seconds: NotRequired[float | None]


class CountsOut(TypedDict):
    queued: int
    scheduled: int
    retrying: int
    running: int
    blocked: int


class DeadFilterIn(TypedDict):
    """The filters of the lists of dead letters and of jobs. All must match; set at least one."""

    fingerprint: NotRequired[str | None]
    queue: NotRequired[str | None]
    name: NotRequired[str | None]
    tag: NotRequired[list[str] | None]
    flow_id: NotRequired[str | None]
    fan_out_id: NotRequired[str | None]
    created_after: NotRequired[str | datetime | None]
    created_before: NotRequired[str | datetime | None]
    reason: NotRequired[Literal["exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"] | None]


class DeadLetterGroupOut(TypedDict):
    """Dead letters with the same cause: job type, error type, and the message without numbers and ids."""

    fingerprint: str
    object: Literal["dlq_group"]
    name: str | None
    error_type: str | None
    message: str | None
    reason: str | None
    count: int
    first_seen_at: str
    last_seen_at: str
    queues: list[str]
    versions: list[str]
    example_job_id: str


class DeadLetterGroupPage(TypedDict):
    items: list["DeadLetterGroupOut"]
    next_cursor: str | None


class DeadLetterOut(TypedDict):
    """A dead job with its reason and attempts. Lists show only the last attempt."""

    job_id: str
    object: Literal["dlq_entry"]
    name: str
    queue: str
    reason: str | None
    error: "ErrorOut | None"
    failures: int
    crashes: int
    dead_at: str | None
    payload: dict[str, Any] | None
    attempts: list["AttemptOut"]
    redriven: int
    fingerprint: str | None
    truncated: list[str]


class DeadLetterPage(TypedDict):
    items: list["DeadLetterOut"]
    next_cursor: str | None


class DeadRetryIn(TypedDict):
    """The dead jobs to run again."""

    dry_run: NotRequired[bool]
    rate_per_second: NotRequired[float | None]
    max: NotRequired[int | None]
    filter: "DeadFilterIn"


class DeliveryOut(TypedDict):
    """An event for an endpoint."""

    id: str
    object: Literal["delivery"]
    webhook_id: str
    event: str
    resource_id: str
    url: str | None
    status: Literal["pending", "delivered", "failed"]
    failure_reason: Literal["exhausted", "gone", "refused", "disabled"] | None
    attempts: int
    last_attempt: "AttemptMadeOut | None"
    next_attempt_at: str | None
    created_at: str
    ended_at: str | None
    body: dict[str, Any]


class DeliveryPage(TypedDict):
    """A page of deliveries, newest first."""

    items: list["DeliveryOut"]
    next_cursor: str | None


class DepthSeriesOut(TypedDict):
    """Jobs per step, sampled within half a minute after its last minute."""

    queued: list[int | None]
    delayed: list[int | None]
    running: list[int | None]
    dead: list[int | None]


class EdgeIn(TypedDict):
    """A dependency of a job, and the outcome it requires."""

    key: str
    when: NotRequired[Literal["succeeded", "failed", "finished"]]


class ErrorOut(TypedDict):
    """The last failure of a job."""

    type: str
    message: str
    retryable: bool
    attempt: int


class EventOut(TypedDict):
    """The data of an event in the stream of a namespace or queue."""

    type: str
    at: str
    object: Literal["job", "flow", "fan_out", "queue"]
    id: str
    version: int | None
    state: str
    state_reason: str | None
    queue: str | None
    name: str | None
    group_id: str | None


class ExplanationOut(TypedDict):
    """Why a job is in its state. `summary` joins all messages; the most important reason comes first."""

    job_id: str
    object: Literal["explanation"]
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]
    summary: str
    reasons: list["ReasonOut"]
    next_at: str | None


class FanOutCallbackIn(TypedDict):
    """Reports how the fan-out ends. Absent `events`: however it ends."""

    url: str
    events: NotRequired[list[Literal["fan_out.succeeded", "fan_out.failed", "fan_out.cancelled"]]]


class FanOutEventOut(TypedDict):
    """The data of a fan-out event; the event's ID is the version."""

    id: str
    object: Literal["fan_out"]
    version: int
    state: Literal["open", "running", "succeeded", "failed", "cancelled"]
    counts: "GroupCountsOut"


class FanOutOut(TypedDict):
    """A fan-out and its progress."""

    id: str
    object: Literal["fan_out"]
    version: int
    name: str
    queue: str
    state: Literal["open", "running", "succeeded", "failed", "cancelled"]
    sealed: bool
    counts: "GroupCountsOut"
    max_concurrency: int | None
    failure_tolerance: "ToleranceOut"
    then_job_id: str | None
    callback: "CallbackOut | None"
    created_at: str
    finished_at: str | None


class FanOutPage(TypedDict):
    """A page of fan-outs, newest first."""

    items: list["FanOutOut"]
    next_cursor: str | None


class FanOutSpecIn(TypedDict):
    """Creates one job per item from the template; the item's payload overrides the template's."""

    template: "JobSpecIn"
    items: NotRequired[list["ItemIn | dict[str, Any]"]]
    sealed: NotRequired[bool]
    max_concurrency: NotRequired[int | None]
    failure_tolerance: NotRequired["ToleranceIn"]
    then: NotRequired["JobSpecIn | None"]
    callback: NotRequired["FanOutCallbackIn | None"]


class FlowCallbackIn(TypedDict):
    """Reports how the flow ends. Absent `events`: however it ends."""

    url: str
    events: NotRequired[list[Literal["flow.succeeded", "flow.failed", "flow.cancelled"]]]


class FlowEventOut(TypedDict):
    """The data of a flow event; the event's ID is the version."""

    id: str
    object: Literal["flow"]
    version: int
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: "GroupCountsOut"


class FlowOut(TypedDict):
    """A flow and its state."""

    id: str
    object: Literal["flow"]
    version: int
    name: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: "GroupCountsOut"
    callback: "CallbackOut | None"
    jobs: dict[str, str]
    created_at: str
    finished_at: str | None


class FlowPage(TypedDict):
    """A page of flows, newest first."""

    items: list["FlowSummaryOut"]
    next_cursor: str | None


class FlowSpecIn(TypedDict):
    """Jobs with dependencies. Triage accepts all of them or none."""

    name: str
    on_failure: NotRequired[Literal["fail", "continue"]]
    deadline_seconds: NotRequired[float | None]
    callback: NotRequired["FlowCallbackIn | None"]
    jobs: dict[str, "NodeIn"]


class FlowSummaryOut(TypedDict):
    """A flow in a list, without its jobs."""

    id: str
    object: Literal["flow"]
    version: int
    name: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: "GroupCountsOut"
    callback: "CallbackOut | None"
    created_at: str
    finished_at: str | None


class FreezeOut(TypedDict):
    """Jobs that may not start before a time. POST /v1/queues/{name}/resume ends the freeze early."""

    job_type: str | None
    limit_key: str | None
    until: str
    reason: Literal["rate_limited"]
    job_id: str | None


GraphEdgeOut = TypedDict(
    "GraphEdgeOut",
    {
        "from": str,
        "to": str,
        "when": Literal["succeeded", "failed", "finished", "child"],
    },
)


class GraphNodeOut(TypedDict):
    """A job of the flow; all but key and ID are null if it was deleted."""

    key: str
    job_id: str
    name: str | None
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"] | None
    queued_at: str | None
    started_at: str | None
    finished_at: str | None


class GraphOut(TypedDict):
    """A flow's graph, for drawing."""

    flow_id: str
    nodes: list["GraphNodeOut"]
    edges: list["GraphEdgeOut"]


class GroupCancelIn(TypedDict):
    """How many seconds running jobs have to react."""

    grace_seconds: NotRequired[float | None]


class GroupCountsOut(TypedDict):
    """The number of jobs in each state; they always add up to the total."""

    total: int
    blocked: int
    scheduled: int
    queued: int
    running: int
    retrying: int
    succeeded: int
    dead: int
    cancelled: int


class HealthOut(TypedDict):
    """`problem` says what is wrong."""

    status: Literal["ok", "failing"]
    problem: str | None


class ItemIn(TypedDict):
    """An item with options besides its payload. Absent options come from the template."""

    payload: dict[str, Any]
    key: NotRequired[str | None]
    priority: NotRequired[int | None]
    delay_seconds: NotRequired[float | None]


class ItemsIn(TypedDict):
    """Items starting at an index. Existing items stay unchanged."""

    start_index: int
    items: list["ItemIn | dict[str, Any]"]


class ItemsOut(TypedDict):
    """The result of adding a chunk; `next_index` is the first missing index."""

    accepted: int
    deduplicated: int
    rejected: list["RejectedOut"]
    next_index: int
    sealed: bool


class JobCallbackIn(TypedDict):
    """Reports how the job ends. Absent `events`: however it ends."""

    url: str
    events: NotRequired[list[Literal["job.succeeded", "job.dead", "job.cancelled"]]]


class JobChangesIn(TypedDict):
    """Changes to an unfinished job. Absent fields stay unchanged."""

    priority: NotRequired[int | None]
    run_at: NotRequired[str | datetime | None]
    tags: NotRequired[dict[str, str] | None]
    retry: NotRequired["RetryIn | None"]


class JobEventOut(TypedDict):
    """The data of a job event; the event's ID is the version."""

    id: str
    object: Literal["job"]
    version: int
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]
    state_reason: str | None
    progress: "ProgressOut | None"


class JobOut(TypedDict):
    """A job and its state. Times are UTC with milliseconds."""

    id: str
    object: Literal["job"]
    version: int
    name: str
    queue: str
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]
    state_reason: str | None
    priority: int
    payload: dict[str, Any] | None
    result: Any
    error: "ErrorOut | None"
    progress: "ProgressOut | None"
    attempt: int
    max_attempts: int
    retry: "RetryOut"
    timeout_seconds: float
    expires_seconds: float | None
    deadline_seconds: float | None
    retention_seconds: float
    limit_key: str | None
    unique: "UniqueOut | None"
    callback: "CallbackOut | None"
    failures: int
    interruptions: int
    crashes: int
    deliveries: int
    created_at: str
    run_at: str
    queued_at: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    cancel_requested_at: str | None
    cancel_message: str | None
    worker_id: str | None
    flow_id: str | None
    flow_key: str | None
    fan_out_id: str | None
    fan_out_index: int | None
    tags: dict[str, str]
    trace_id: str | None
    truncated: list[str]


class JobPage(TypedDict):
    """A page of jobs, newest first. A short page may still have a next page."""

    items: list["JobOut"]
    next_cursor: str | None


class JobSpecIn(TypedDict):
    """A job to run. Only `name` is required."""

    name: str
    queue: NotRequired[str]
    payload: NotRequired[dict[str, Any]]
    priority: NotRequired[int]
    delay_seconds: NotRequired[float]
    run_at: NotRequired[str | datetime | None]
    retry: NotRequired["RetryIn"]
    timeout_seconds: NotRequired[float]
    expires_seconds: NotRequired[float | None]
    deadline_seconds: NotRequired[float | None]
    retention_seconds: NotRequired[float]
    tags: NotRequired[dict[str, str]]
    limit_key: NotRequired[str | None]
    unique: NotRequired["UniqueIn | None"]
    callback: NotRequired["JobCallbackIn | None"]


class JobTypeOut(TypedDict):
    """A job type that at least one live worker knows."""

    name: str
    object: Literal["job_type"]
    description: str
    executor: Literal["async", "thread", "process"]
    concurrency: int | None
    payload_schema: dict[str, Any] | None
    defaults: dict[str, Any]
    redact: list[str]


class JobTypePage(TypedDict):
    items: list["JobTypeOut"]
    next_cursor: str | None


class JobsIn(TypedDict):
    """Up to 1,000 jobs. `atomic`: all or nothing, for at most 500."""

    jobs: list["JobSpecIn"]
    atomic: NotRequired[bool]


class KeyLimitsIn(TypedDict):
    """Limits of a limit key. null removes a limit; in an override, absent applies the limit for all keys."""

    max_concurrency: NotRequired[int | None]
    rate_limit: NotRequired["RateLimitIn | None"]


class KeyLimitsOut(TypedDict):
    max_concurrency: int | None
    rate_limit: "RateLimitOut | None"


class KeyOverrideOut(TypedDict):
    """For absent limits, the limit for all keys applies."""

    max_concurrency: NotRequired[int | None]
    rate_limit: NotRequired["RateLimitOut | None"]


class LastRunOut(TypedDict):
    """The last job that the schedule started; `slot` is null for a run on request."""

    job_id: str
    slot: str | None


class LogOut(TypedDict):
    """A line that the handler logged."""

    at: str
    message: str


class LogPage(TypedDict):
    """Log lines, oldest first, at most 1,000."""

    items: list["LogOut"]
    next_cursor: str | None


class MarkOut(TypedDict):
    """An event that may explain a change: a new worker version, or a pause or resume."""

    at: str
    kind: Literal["deploy", "pause", "resume"]
    version: str | None
    queue: str | None
    job_type: str | None


class NamespaceChangesIn(TypedDict):
    """What to change."""

    description: NotRequired[str | None]
    quotas: NotRequired["QuotasIn | None"]
    retention_seconds: NotRequired[float | None]
    redact: NotRequired[list[str] | None]


class NamespaceIn(TypedDict):
    """A new namespace."""

    name: str
    description: NotRequired[str]
    quotas: NotRequired["QuotasIn | None"]
    retention_seconds: NotRequired[float | None]
    redact: NotRequired[list[str]]


class NamespaceOut(TypedDict):
    """A namespace with its quotas."""

    name: str
    object: Literal["namespace"]
    version: int
    description: str
    quotas: "QuotasOut"
    usage: "UsageOut | None"
    retention_seconds: float | None
    redact: list[str]
    created_at: str


class NamespacePage(TypedDict):
    items: list["NamespaceOut"]
    next_cursor: str | None


class NodeIn(TypedDict):
    """A job of a flow. An edge is the key of another job, or an object with key and `when`."""

    job: "JobSpecIn"
    depends_on: NotRequired[list["str | EdgeIn"]]


class PauseIn(TypedDict):
    """Without a job type, pauses or resumes the whole queue."""

    job_type: NotRequired[str | None]


class PercentileSeriesOut(TypedDict):
    """In seconds, one value per step; null without a run. Accurate to about 10 percent."""

    p50: list[float | None]
    p95: list[float | None]
    p99: list[float | None]


class PercentilesOut(TypedDict):
    """In seconds; null without a run. Accurate to about 10 percent."""

    p50: float | None
    p95: float | None
    p99: float | None


class Problem(TypedDict):
    """An error (RFC 9457). Programs rely on `code`, whose meaning never changes; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: "ProblemCode"
    retryable: bool
    request_id: str | None
    errors: list["ProblemRow"]
    job_id: NotRequired[str | None]
    current_state: NotRequired[str | None]
    required_scope: NotRequired[str | None]


class ProblemRow(TypedDict):
    """One error and its location: a JSON pointer into the body, or a parameter's name."""

    pointer: str
    code: str
    message: str


class ProgressOut(TypedDict):
    """The progress that a run reports."""

    current: float
    total: float | None
    message: str | None


class PurgeIn(TypedDict):
    """`confirm` must be the queue's name."""

    confirm: str


class PurgeOut(TypedDict):
    """The number of cancelled jobs."""

    purged: int


class QueueChangesIn(TypedDict):
    """Settings to change. null removes a limit; for aging, null means strict priority."""

    priority_aging_seconds: NotRequired[float | None]
    max_depth: NotRequired[int | None]
    max_concurrency: NotRequired[int | None]
    rate_limit: NotRequired["RateLimitIn | None"]
    per_key: NotRequired["KeyLimitsIn | None"]
    keys: NotRequired["dict[str, KeyLimitsIn | None] | None"]
    defaults: NotRequired["QueueDefaultsIn | None"]


class QueueDefaultsIn(TypedDict):
    """What a job inherits from the queue when neither the job nor its type sets a value."""

    priority: NotRequired[int | None]
    timeout_seconds: NotRequired[float | None]
    retry: NotRequired["RetryIn | None"]
    durability: NotRequired[Literal["stored", "replicated"] | None]


class QueueOut(TypedDict):
    """A queue with its current counts."""

    name: str
    object: Literal["queue"]
    version: int
    paused: bool
    counts: "CountsOut"
    dlq_depth: int
    oldest_queued_seconds: float | None
    workers: int
    capacity: int
    enqueued_per_second: float
    finished_per_second: float
    failed_per_second: float
    max_concurrency: int | None
    rate_limit: "RateLimitOut | None"
    priority_aging_seconds: float | None
    max_depth: int | None
    paused_job_types: list[str]
    per_key: "KeyLimitsOut"
    keys: dict[str, "KeyOverrideOut"]
    defaults: dict[str, Any]
    unserved_job_types: list[str]
    freezes: list["FreezeOut"]


class QueuePage(TypedDict):
    items: list["QueueOut"]
    next_cursor: str | None
    totals: "QueueTotalsOut | None"


class QueueTotalsOut(TypedDict):
    """Totals of all queues of the namespace."""

    queues: int
    counts: "CountsOut"
    dlq_depth: int


class QuotasIn(TypedDict):
    """null = no limit. An absent quota has its default in a new namespace, and does not change otherwise."""

    jobs: NotRequired[int | None]
    stored_bytes: NotRequired[int | None]
    queues: NotRequired[int | None]
    limit_keys: NotRequired[int | None]
    unique_keys: NotRequired[int | None]
    schedules: NotRequired[int | None]
    idempotency_bytes: NotRequired[int | None]
    bulk_actions: NotRequired[int | None]
    submissions_per_second: NotRequired[int | None]
    requests_per_second: NotRequired[int | None]
    waits: NotRequired[int | None]
    streams: NotRequired[int | None]


class QuotasOut(TypedDict):
    """null = no limit."""

    jobs: int | None
    stored_bytes: int | None
    queues: int | None
    limit_keys: int | None
    unique_keys: int | None
    schedules: int | None
    idempotency_bytes: int | None
    bulk_actions: int | None
    submissions_per_second: int | None
    requests_per_second: int | None
    waits: int | None
    streams: int | None


class RateLimitIn(TypedDict):
    """At most `limit` starts in any period of `per_seconds`."""

    limit: int
    per_seconds: NotRequired[float]
    smooth: NotRequired[bool]


class RateLimitOut(TypedDict):
    limit: int
    per_seconds: float
    smooth: bool


class ReasonOut(TypedDict):
    """One reason for the job's state. Fields that its code does not use are absent."""

    code: Literal["queue_paused", "type_paused", "no_worker", "unknown_type", "workers_busy", "type_busy", "queue_concurrency", "queue_rate", "type_frozen", "key_concurrency", "key_rate", "key_frozen", "fan_out_concurrency", "jobs_ahead", "ready", "overdue", "scheduled", "retrying", "due", "no_live_worker", "dependencies", "children", "fan_out", "unique_holder", "release_pending", "running", "lease_expired", "cancel_requested", "succeeded", "cancelled", "dead"]
    message: str
    until: NotRequired[str | None]
    queue: NotRequired[str | None]
    name: NotRequired[str | None]
    limit_key: NotRequired[str | None]
    fan_out_id: NotRequired[str | None]
    limit: NotRequired[int | None]
    per_seconds: NotRequired[float | None]
    running: NotRequired[int | None]
    workers: NotRequired[int | None]
    draining: NotRequired[int | None]
    capacity: NotRequired[int | None]
    seen_at: NotRequired[str | None]
    ahead: NotRequired[int | None]
    queued: NotRequired[int | None]
    priority: NotRequired[int | None]
    aging_seconds: NotRequired[float | None]
    attempt: NotRequired[int | None]
    max_attempts: NotRequired[int | None]
    crashes: NotRequired[int | None]
    error_type: NotRequired[str | None]
    state_reason: NotRequired[str | None]
    total: NotRequired[int | None]
    waits_for: NotRequired["list[WaitsForOut] | None"]
    holder_id: NotRequired[str | None]
    holder_state: NotRequired[str | None]
    worker_id: NotRequired[str | None]
    started_at: NotRequired[str | None]
    lease_until: NotRequired[str | None]
    requested_at: NotRequired[str | None]
    forced_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]
    cancel_message: NotRequired[str | None]
    retry: NotRequired[str | None]


class RedriveIn(TypedDict):
    """Runs the job again, optionally with another payload, in another queue, or later."""

    payload: NotRequired[dict[str, Any] | None]
    queue: NotRequired[str | None]
    delay_seconds: NotRequired[float]


class RejectedOut(TypedDict):
    """A rejected item. Its index stays free."""

    index: int
    problem: dict[str, Any]


class RetryIn(TypedDict):
    """When a failed job runs again."""

    max_attempts: NotRequired[int]
    backoff: NotRequired[Literal["fixed", "linear", "exponential"]]
    delay_seconds: NotRequired[float]
    max_delay_seconds: NotRequired[float]
    jitter: NotRequired[float]


class RetryOut(TypedDict):
    """When the job runs again after a failure, with all defaults resolved."""

    max_attempts: int
    backoff: Literal["fixed", "linear", "exponential"]
    delay_seconds: float
    max_delay_seconds: float
    jitter: float


class RotateIn(TypedDict):
    """How the old secret ends."""

    overlap_seconds: NotRequired[float]


class RotationIn(TypedDict):
    """How long the replaced secret still signs, next to the new one."""

    overlap_seconds: NotRequired[int]


class RunOut(TypedDict):
    """The result of a fire time."""

    slot: str | None
    at: str
    outcome: Literal["created", "existing", "conflict", "full", "skipped", "missed", "replaced", "too_many_queues", "quota_exceeded"]
    job_id: str | None


class ScheduleIn(TypedDict):
    """A job and when to submit it: `cron` or `every_seconds`."""

    cron: NotRequired[str | None]
    every_seconds: NotRequired[float | None]
    timezone: NotRequired[str]
    job: "JobSpecIn"
    start_at: NotRequired[str | datetime | None]
    end_at: NotRequired[str | datetime | None]
    catch_up: NotRequired[Literal["none", "latest", "all"]]
    overlap: NotRequired[Literal["allow", "skip", "replace"]]
    paused: NotRequired[bool]


class ScheduleOut(TypedDict):
    """A schedule with its next fire times and at most 50 last runs, newest first."""

    name: str
    object: Literal["schedule"]
    version: int
    cron: str | None
    every_seconds: float | None
    timezone: str
    job: dict[str, Any]
    start_at: str | None
    end_at: str | None
    catch_up: Literal["none", "latest", "all"]
    overlap: Literal["allow", "skip", "replace"]
    paused: bool
    next_run_at: str | None
    next_runs: list[str]
    last_run: "LastRunOut | None"
    runs: list["RunOut"]


class SchedulePage(TypedDict):
    """A page, by name."""

    items: list["ScheduleOut"]
    next_cursor: str | None


class SealIn(TypedDict):
    """The number of items that the fan-out must have."""

    expected_count: int


State = Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]


StatsOut = TypedDict(
    "StatsOut",
    {
        "object": Literal["stats"],
        "queue": str | None,
        "type": str | None,
        "from": str,
        "to": str,
        "step": Literal["1m", "5m", "1h"],
        "step_seconds": int,
        "points": int,
        "started": list[int | None],
        "succeeded": list[int | None],
        "failed": list[int | None],
        "dead": list[int | None],
        "cancelled": list[int | None],
        "wait_seconds": "PercentileSeriesOut",
        "run_seconds": "PercentileSeriesOut",
        "depth": "DepthSeriesOut | None",
        "totals": "StatsTotalsOut",
        "marks": list["MarkOut"],
    },
)


StatsPage = TypedDict(
    "StatsPage",
    {
        "items": list["StatsRowOut"],
        "next_cursor": str | None,
        "from": str,
        "to": str,
        "trend_step_seconds": int,
    },
)


class StatsRowOut(TypedDict):
    """One queue or job type."""

    started: int
    succeeded: int
    failed: int
    dead: int
    cancelled: int
    wait_seconds: "PercentilesOut"
    run_seconds: "PercentilesOut"
    name: str
    trend: "TrendOut"


class StatsTotalsOut(TypedDict):
    """The whole window. `failed` counts failed attempts; the others count jobs."""

    started: int
    succeeded: int
    failed: int
    dead: int
    cancelled: int
    wait_seconds: "PercentilesOut"
    run_seconds: "PercentilesOut"


class ToleranceIn(TypedDict):
    """Failures that a fan-out tolerates. One more fails it and cancels the items that have not started."""

    count: NotRequired[int | None]
    percent: NotRequired[float | None]


class ToleranceOut(TypedDict):
    count: int | None
    percent: float | None


class TrendOut(TypedDict):
    """The same window in steps of `trend_step_seconds`; null is a gap."""

    succeeded: list[int | None]
    failed: list[int | None]
    dead: list[int | None]


class UniqueIn(TypedDict):
    """Only one job of a queue holds the key at a time."""

    key: str
    until: NotRequired[Literal["started", "finished"] | float]
    on_conflict: NotRequired[Literal["return_existing", "reject", "replace"]]


class UniqueOut(TypedDict):
    """The unique key as requested; `until` is a milestone, or seconds after the submission."""

    key: str
    until: Literal["started", "finished"] | float
    on_conflict: Literal["return_existing", "reject", "replace"]


class UsageOut(TypedDict):
    """What the namespace uses of the quotas that count something."""

    jobs: int
    stored_bytes: int
    queues: int
    limit_keys: int
    unique_keys: int
    schedules: int
    idempotency_bytes: int
    bulk_actions: int


class WaitsForOut(TypedDict):
    """A job, child or fan-out that a blocked job waits for; `state` is null if it was deleted."""

    id: str
    key: str | None
    state: str | None


class WebhookChangesIn(TypedDict):
    """Changes to an endpoint. Absent fields stay unchanged."""

    url: NotRequired[str | None]
    events: NotRequired[list[Literal["job.succeeded", "job.dead", "job.cancelled", "flow.succeeded", "flow.failed", "flow.cancelled", "fan_out.succeeded", "fan_out.failed", "fan_out.cancelled", "queue.paused", "queue.resumed", "job.*", "flow.*", "fan_out.*", "queue.*", "*"]] | None]
    description: NotRequired[str | None]


class WebhookIn(TypedDict):
    """An endpoint that receives events of the namespace."""

    url: str
    events: list[Literal["job.succeeded", "job.dead", "job.cancelled", "flow.succeeded", "flow.failed", "flow.cancelled", "fan_out.succeeded", "fan_out.failed", "fan_out.cancelled", "queue.paused", "queue.resumed", "job.*", "flow.*", "fan_out.*", "queue.*", "*"]]
    description: NotRequired[str]


class WebhookOut(TypedDict):
    """An endpoint and its state. `callbacks` stands for the callbacks of all jobs, flows and fan-outs."""

    id: str
    object: Literal["webhook"]
    version: int
    url: str | None
    events: list[str]
    description: str
    enabled: bool
    disabled_at: str | None
    disabled_reason: Literal["failing", "gone", "requested"] | None
    failing_since: str | None
    secret_overlap_until: str | None
    pending: int
    dropped: int
    created_at: str | None


class WebhookPage(TypedDict):
    """All endpoints, newest first."""

    items: list["WebhookOut"]
    next_cursor: str | None


class WebhookSecretOut(TypedDict):
    """An endpoint with its new secret, which no other response shows."""

    id: str
    object: Literal["webhook"]
    version: int
    url: str | None
    events: list[str]
    description: str
    enabled: bool
    disabled_at: str | None
    disabled_reason: Literal["failing", "gone", "requested"] | None
    failing_since: str | None
    secret_overlap_until: str | None
    pending: int
    dropped: int
    created_at: str | None
    secret: str


class WorkerOut(TypedDict):
    """A worker process as of its last heartbeat."""

    id: str
    object: Literal["worker"]
    host: str
    pid: int
    version: str
    queues: dict[str, int]
    job_types: list[str]
    state: Literal["running", "draining", "lost"]
    running: int
    capacity: int
    started_at: str
    seen_at: str


class WorkerPage(TypedDict):
    items: list["WorkerOut"]
    next_cursor: str | None


ProblemCode = Literal["backend_unavailable", "bad_request", "body_too_large", "configuration_invalid", "count_mismatch", "cursor_invalid", "fan_out_sealed", "flow_invalid", "headers_too_large", "host_not_allowed", "http_error", "http_invalid", "idempotency_key_reused", "internal_error", "invalid_state", "issuer_unavailable", "json_invalid", "key_restricted", "method_not_allowed", "namespace_exists", "namespace_not_empty", "not_found", "not_replicated", "outbox_full", "outcome_unknown", "payload_invalid", "payload_too_large", "queue_full", "queue_not_empty", "quota_exceeded", "request_too_slow", "scope_missing", "shutting_down", "storage_full", "store_fault", "too_many_bodies", "too_many_failures", "too_many_queues", "too_many_streams", "too_many_waiters", "too_many_webhooks", "unauthenticated", "unique_conflict", "unknown_job_type", "unknown_parameter", "unsupported_media_type", "validation_failed", "version_mismatch"]


class ItemResultOut(TypedDict):
    """A line of a fan-out's results: an item with its outcome or current state."""

    index: int
    key: str | None
    job_id: str
    state: Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]
    result: Any
    error: "ErrorOut | None"


class JobOptions(TypedDict):
    """Keyword arguments; see JobSpecIn."""

    queue: NotRequired[str]
    priority: NotRequired[int]
    delay_seconds: NotRequired[float]
    run_at: NotRequired[str | datetime | None]
    retry: NotRequired["RetryIn"]
    timeout_seconds: NotRequired[float]
    expires_seconds: NotRequired[float | None]
    deadline_seconds: NotRequired[float | None]
    retention_seconds: NotRequired[float]
    tags: NotRequired[dict[str, str]]
    limit_key: NotRequired[str | None]
    unique: NotRequired["UniqueIn | None"]
    callback: NotRequired["JobCallbackIn | None"]


class ScheduleOptions(TypedDict):
    """Keyword arguments; see ScheduleIn."""

    cron: NotRequired[str | None]
    every_seconds: NotRequired[float | None]
    timezone: NotRequired[str]
    start_at: NotRequired[str | datetime | None]
    end_at: NotRequired[str | datetime | None]
    catch_up: NotRequired[Literal["none", "latest", "all"]]
    overlap: NotRequired[Literal["allow", "skip", "replace"]]
    paused: NotRequired[bool]


class FlowOptions(TypedDict):
    """Keyword arguments; see FlowSpecIn."""

    on_failure: NotRequired[Literal["fail", "continue"]]
    deadline_seconds: NotRequired[float | None]
    callback: NotRequired["FlowCallbackIn | None"]


class FanOutOptions(TypedDict):
    """Keyword arguments; see FanOutSpecIn."""

    max_concurrency: NotRequired[int | None]
    failure_tolerance: NotRequired["ToleranceIn"]
    callback: NotRequired["FanOutCallbackIn | None"]


class FanOutKeywords(TypedDict):
    """Keyword arguments; see JobSpecIn and FanOutSpecIn."""

    queue: NotRequired[str]
    priority: NotRequired[int]
    delay_seconds: NotRequired[float]
    run_at: NotRequired[str | datetime | None]
    retry: NotRequired["RetryIn"]
    timeout_seconds: NotRequired[float]
    expires_seconds: NotRequired[float | None]
    deadline_seconds: NotRequired[float | None]
    retention_seconds: NotRequired[float]
    tags: NotRequired[dict[str, str]]
    limit_key: NotRequired[str | None]
    unique: NotRequired["UniqueIn | None"]
    callback: NotRequired["FanOutCallbackIn | None"]
    max_concurrency: NotRequired[int | None]
    failure_tolerance: NotRequired["ToleranceIn"]


class BulkFilter(TypedDict):
    """Keyword arguments; see BulkFilterIn."""

    fingerprint: NotRequired[str | None]
    queue: NotRequired[str | None]
    name: NotRequired[str | None]
    tag: NotRequired[str | list[str] | None]
    flow_id: NotRequired[str | None]
    fan_out_id: NotRequired[str | None]
    created_after: NotRequired[str | datetime | None]
    created_before: NotRequired[str | datetime | None]
    state: NotRequired[Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"] | None]


class DeadBulkFilter(TypedDict):
    """Keyword arguments; see DeadFilterIn."""

    fingerprint: NotRequired[str | None]
    queue: NotRequired[str | None]
    name: NotRequired[str | None]
    tag: NotRequired[str | list[str] | None]
    flow_id: NotRequired[str | None]
    fan_out_id: NotRequired[str | None]
    created_after: NotRequired[str | datetime | None]
    created_before: NotRequired[str | datetime | None]
    reason: NotRequired[Literal["exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"] | None]


class ApiKeyOptions(TypedDict):
    """Keyword arguments; see ApiKeyIn."""

    queues: NotRequired[list[str] | None]
    names: NotRequired[list[str] | None]
    expires_at: NotRequired[str | datetime | None]


class NamespaceOptions(TypedDict):
    """Keyword arguments; see NamespaceIn."""

    description: NotRequired[str]
    quotas: NotRequired["QuotasIn | None"]
    retention_seconds: NotRequired[float | None]
    redact: NotRequired[list[str]]


class JobFilter(TypedDict):
    """Keyword arguments: the filters of list_jobs."""

    queue: NotRequired[str]
    state: NotRequired["State"]
    name: NotRequired[str]
    tag: NotRequired[str | list[str]]
    flow_id: NotRequired[str]
    fan_out_id: NotRequired[str]
    created_after: NotRequired[str | datetime]
    created_before: NotRequired[str | datetime]
    search: NotRequired[str]


class DeadLetterFilter(TypedDict):
    """Keyword arguments: the filters of list_dead_letters."""

    queue: NotRequired[str]
    name: NotRequired[str]
    reason: NotRequired[str]
    fingerprint: NotRequired[str]
    search: NotRequired[str]


class DeadLetterGroupFilter(TypedDict):
    """Keyword arguments: the filters of list_dead_letter_groups."""

    queue: NotRequired[str]
    name: NotRequired[str]
    search: NotRequired[str]
    order: NotRequired[Literal["count", "last_seen", "first_seen"]]
