"""The members of the API's documents that commands read; a response without them is not from Triage."""

JOB = ("id", "name", "queue", "state", "state_reason", "version", "result", "error", "progress")
#: Of a job that is shown in full.
WHOLE_JOB = (
    *JOB,
    "payload",
    "priority",
    "attempt",
    "max_attempts",
    "created_at",
    "run_at",
    "finished_at",
    "tags",
)
#: A flow, a fan-out or a bulk action.
GROUP = ("id", "state", "version", "counts")
NAMED_GROUP = (*GROUP, "name", "created_at", "finished_at")
BULK = (*GROUP, "action", "filter", "created_at")
DEAD = ("job_id", "name", "queue", "reason", "failures", "error", "dead_at", "attempts")
DEAD_GROUP = (
    "fingerprint", "name", "error_type", "message", "reason", "count", "first_seen_at", "last_seen_at",
    "example_job_id",
)  # fmt: skip
QUEUE = (
    "name", "version", "paused", "counts", "dlq_depth", "oldest_queued_seconds", "workers", "capacity",
    "enqueued_per_second", "finished_per_second", "failed_per_second", "max_concurrency", "rate_limit",
    "paused_job_types", "unserved_job_types", "freezes",
)  # fmt: skip
SCHEDULE = ("name", "cron", "job", "runs", "next_run_at", "paused", "timezone", "every_seconds", "version")
AUDIT = ("running_since", "requested_at", "report")
WORKER = (
    "id",
    "host",
    "pid",
    "state",
    "running",
    "capacity",
    "queues",
    "job_types",
    "seen_at",
    "started_at",
    "version",
)
WEBHOOK = (
    "id", "url", "events", "description", "enabled", "disabled_at", "disabled_reason", "failing_since",
    "secret_overlap_until", "pending", "dropped", "created_at",
)  # fmt: skip
DELIVERY = (
    "id", "event", "resource_id", "status", "failure_reason", "attempts", "last_attempt", "next_attempt_at",
    "created_at", "ended_at",
)  # fmt: skip
API_KEY = (
    "id", "name", "namespace", "scopes", "queues", "names", "created_at", "expires_at", "last_used_at",
)  # fmt: skip
JOB_TYPE = ("name", "description", "executor", "concurrency", "payload_schema", "defaults", "redact")
ITEMS = ("items",)
