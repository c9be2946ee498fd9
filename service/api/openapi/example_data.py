"""Data of all examples in the document, which tell one story: a sent alert, and a failed order."""

from collections.abc import Mapping
from typing import Any

from service.domain.tenant import DEFAULTS

JOB_ID = "job_01KB0R8Z3VN2A0H686WCBXCF8E"
FLOW_ID = "flow_01KB0R9B4XW3A5C7E9G1J3M5P7"
FAN_OUT_ID = "fan_01KB0RA5C6Z7Y9X1W3V5T7S9R1"
WORKER_ID = "wk_01KB0R7M1QW8T4Y6ZK3XHJ2V9N"
ACTION_ID = "act_01KB0RB7D8A1B3C5E7G9J1M3P5"
KEY_ID = "key_01KB0RC1D2E3F4G5H6J7K8M9N0"
WEBHOOK_ID, DELIVERY_ID = "wh_01KB0RC9E2F4G6H8J1K3M5N7P9", "del_01KB0RD1F3G5H7J9K2M4N6P8Q0"
REQUEST_ID = "req_01KB0R8Z3TD5F7M0P2S4V6X8Z1"

AT = "2026-11-27T09:30:00.000Z"
PAYLOAD = {"user_id": "u-1"}
FAILURE = {"type": "ConnectTimeout", "message": "no response within 5 s", "retryable": True, "attempt": 3}
QUEUED: Mapping[str, Any] = {
    "id": JOB_ID,
    "object": "job",
    "version": 1,
    "name": "send-alert",
    "queue": "default",
    "state": "queued",
    "state_reason": None,
    "priority": 100,
    "payload": PAYLOAD,
    "result": None,
    "error": None,
    "progress": None,
    "attempt": 1,
    "max_attempts": 3,
    "retry": {
        "max_attempts": 3,
        "backoff": "exponential",
        "delay_seconds": 1.0,
        "max_delay_seconds": 3600.0,
        "jitter": 0.2,
    },
    "timeout_seconds": 300.0,
    "expires_seconds": None,
    "deadline_seconds": None,
    "retention_seconds": 86400.0,
    "limit_key": None,
    "unique": None,
    "callback": None,
    "failures": 0,
    "interruptions": 0,
    "crashes": 0,
    "deliveries": 0,
    "created_at": AT,
    "run_at": AT,
    "queued_at": AT,
    "started_at": None,
    "finished_at": None,
    "expires_at": None,
    "cancel_requested_at": None,
    "cancel_message": None,
    "worker_id": None,
    "flow_id": None,
    "flow_key": None,
    "fan_out_id": None,
    "fan_out_index": None,
    "tags": {"tenant": "acme"},
    "trace_id": None,
    "truncated": [],
}
SUCCEEDED: Mapping[str, Any] = {
    **QUEUED,
    "version": 3,
    "state": "succeeded",
    "result": {"alerted": "u-1"},
    "attempt": 1,
    "deliveries": 1,
    "started_at": "2026-11-27T09:30:00.004Z",
    "finished_at": "2026-11-27T09:30:00.061Z",
    "worker_id": WORKER_ID,
}
SPEC = {"name": "send-alert", "payload": PAYLOAD, "tags": {"tenant": "acme"}}
ROW = {"index": 0, "status": 202, "job": QUEUED, "problem": None}
REASON = {
    "code": "queue_rate",
    "message": (
        "Queue default has reached its rate limit of 10 per 1 s; the next start is at "
        "2026-11-27T09:30:00.850Z."
    ),
    "queue": "default",
    "limit": 10,
    "per_seconds": 1.0,
    "until": "2026-11-27T09:30:00.850Z",
}
ATTEMPT = {
    "attempt": 3,
    "outcome": "failed",
    "at": "2026-11-27T09:30:12.480Z",
    "worker_id": WORKER_ID,
    "duration_seconds": 5.002,
    "type": "ConnectTimeout",
    "message": "no response within 5 s",
    "traceback": "",
}

COUNTS = {
    "total": 3, "blocked": 1, "scheduled": 0, "queued": 2, "running": 0, "retrying": 0,
    "succeeded": 0, "dead": 0, "cancelled": 0,
}  # fmt: skip
INVOICE = {"invoice_id": "inv_123"}
FLOW_JOBS = {
    "fetch-line-items": "job_01KB0R9B4XW3A5C7E9G1J3M5P8",
    "calculate-tax": "job_01KB0R9B4XW3A5C7E9G1J3M5P9",
    "generate-invoice": "job_01KB0R9B4XW3A5C7E9G1J3M5PA",
}
FLOW_SUMMARY = {
    "id": FLOW_ID,
    "object": "flow",
    "version": 1,
    "name": "invoice",
    "state": "running",
    "counts": COUNTS,
    "callback": None,
    "created_at": AT,
    "finished_at": None,
}
FLOW = {**FLOW_SUMMARY, "jobs": FLOW_JOBS}
FLOW_ENDED = {
    **FLOW,
    "version": 4,
    "state": "succeeded",
    "counts": {**COUNTS, "blocked": 0, "queued": 0, "succeeded": 3},
    "finished_at": "2026-11-27T09:30:00.310Z",
}
WAITS_FOR = ["fetch-line-items", "calculate-tax"]
FAN_OUT = {
    "id": FAN_OUT_ID,
    "object": "fan_out",
    "version": 1,
    "name": "process-order",
    "queue": "bulk",
    "state": "running",
    "sealed": True,
    "counts": {**COUNTS, "total": 2, "blocked": 0, "queued": 2},
    "max_concurrency": None,
    "failure_tolerance": {"count": None, "percent": 5.0},
    "then_job_id": "job_01KB0RA5C6Z7Y9X1W3V5T7S9R2",
    "callback": None,
    "created_at": AT,
    "finished_at": None,
}
FAN_OUT_ENDED = {
    **FAN_OUT,
    "version": 5,
    "state": "succeeded",
    "counts": {**COUNTS, "total": 2, "blocked": 0, "queued": 0, "succeeded": 2},
    "finished_at": "2026-11-27T09:30:00.310Z",
}


def _event(resource: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: resource[name] for name in ("id", "object", "version", "state", *names)}


JOB_EVENT = _event(SUCCEEDED, ("state_reason", "progress"))
FLOW_EVENT = _event(FLOW_ENDED, ("counts",))
FAN_OUT_EVENT = _event(FAN_OUT_ENDED, ("counts",))
ITEMS = [{"order_id": "o-1"}, {"payload": {"order_id": "o-2"}, "key": "second", "priority": 10}]

BULK_ACTION: Mapping[str, Any] = {
    "id": ACTION_ID,
    "object": "bulk_action",
    "version": 1,
    "state": "running",
    "action": "cancel",
    "filter": {
        "queue": "bulk", "state": "queued", "name": None, "tag": ["tenant:acme"], "reason": None,
        "flow_id": None, "fan_out_id": None, "created_after": None, "created_before": None,
        "fingerprint": None,
    },
    "rate_per_second": 100.0,
    "max": None,
    "counts": {"matched": 0, "succeeded": 0, "skipped": 0},
    "created_at": AT,
    "finished_at": None,
}  # fmt: skip

WEBHOOK: Mapping[str, Any] = {
    "id": WEBHOOK_ID,
    "object": "webhook",
    "version": 1,
    "url": "https://shop.example/triage-events",
    "events": ["job.dead", "flow.*"],
    "description": "the shop",
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "secret_overlap_until": None,
    "pending": 0,
    "dropped": 0,
    "created_at": AT,
}
DELIVERY: Mapping[str, Any] = {
    "id": DELIVERY_ID,
    "object": "delivery",
    "webhook_id": WEBHOOK_ID,
    "event": "job.dead",
    "resource_id": JOB_ID,
    "url": None,
    "status": "pending",
    "failure_reason": None,
    "attempts": 1,
    "last_attempt": {"at": AT, "duration_seconds": 0.12, "status": 500, "error": None},
    "next_attempt_at": "2026-11-27T09:30:05.400Z",
    "created_at": AT,
    "ended_at": None,
    "body": {
        "type": "job.dead",
        "timestamp": AT,
        "data": {"id": JOB_ID, "object": "job", "name": "send-alert", "queue": "default", "state": "dead"},
    },
}

#: A line of a fan-out's results.
ITEM_RESULT: Mapping[str, Any] = {
    "index": 0,
    "key": None,
    "job_id": "job_01KB0RA5C6Z7Y9X1W3V5T7S9R3",
    "state": "succeeded",
    "result": {"order_id": "o-1", "status": "fulfilled"},
    "error": None,
}

API_KEY: Mapping[str, Any] = {
    "id": KEY_ID,
    "object": "api_key",
    "version": 1,
    "name": "shop",
    "namespace": "default",
    "scopes": ["keys:admin"],
    "queues": None,
    "names": None,
    "created_at": AT,
    "created_by": None,
    "expires_at": None,
    "rotated_at": None,
    "previous_expires_at": None,
    "last_used_at": None,
}
#: Not a secret: it has the form of one, and too little randomness to be a key.
API_KEY_ISSUED = {**API_KEY, "key": f"triage_{'example' * 6}0"}

NAMESPACE: Mapping[str, Any] = {
    "name": "acme",
    "object": "namespace",
    "version": 1,
    "description": "",
    "quotas": {**DEFAULTS, "jobs": 50_000},
    "usage": {
        "jobs": 12, "stored_bytes": 14_310, "queues": 1, "limit_keys": 0, "unique_keys": 0, "schedules": 1,
        "idempotency_bytes": 5_112, "bulk_actions": 0,
    },
    "retention_seconds": None,
    "redact": [],
    "created_at": AT,
}  # fmt: skip
