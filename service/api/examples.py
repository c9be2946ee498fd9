"""One story told by every example of the document: an alert that was sent, an order that could not be."""

from collections.abc import Mapping
from typing import Any

JOB = "job_01KB0R8Z3VN2A0H686WCBXCF8E"
FLOW = "flow_01KB0R9B4XW3A5C7E9G1J3M5P7"
FAN_OUT = "fan_01KB0RA5C6Z7Y9X1W3V5T7S9R1"
WORKER = "wk_01KB0R7M1QW8T4Y6ZK3XHJ2V9N"
REQUEST = "req_01KB0R8Z3TD5F7M0P2S4V6X8Z1"

_AT = "2026-11-27T09:30:00.000Z"
_PAYLOAD = {"user_id": "u-1"}
_FAILURE = {"type": "ConnectTimeout", "message": "no answer within 5 s", "retryable": True, "attempt": 3}
_QUEUED: Mapping[str, Any] = {
    "id": JOB,
    "object": "job",
    "version": 1,
    "name": "send-alert",
    "queue": "default",
    "state": "queued",
    "state_reason": None,
    "priority": 100,
    "payload": _PAYLOAD,
    "result": None,
    "error": None,
    "progress": None,
    "attempt": 0,
    "max_attempts": 3,
    "failures": 0,
    "interruptions": 0,
    "crashes": 0,
    "deliveries": 0,
    "created_at": _AT,
    "run_at": _AT,
    "queued_at": _AT,
    "started_at": None,
    "finished_at": None,
    "expires_at": None,
    "worker_id": None,
    "flow_id": None,
    "flow_key": None,
    "fan_out_id": None,
    "fan_out_index": None,
    "tags": {"tenant": "acme"},
    "trace_id": None,
}
_SUCCEEDED: Mapping[str, Any] = {
    **_QUEUED,
    "version": 3,
    "state": "succeeded",
    "result": {"alerted": "u-1"},
    "attempt": 1,
    "deliveries": 1,
    "started_at": "2026-11-27T09:30:00.004Z",
    "finished_at": "2026-11-27T09:30:00.061Z",
    "worker_id": WORKER,
}
_SPEC = {"name": "send-alert", "payload": _PAYLOAD, "tags": {"tenant": "acme"}}
_ROW = {"index": 0, "status": 202, "job": _QUEUED, "problem": None}
_ATTEMPT = {
    "attempt": 3,
    "outcome": "failed",
    "at": "2026-11-27T09:30:12.480Z",
    "worker_id": WORKER,
    "duration_seconds": 5.002,
    "type": "ConnectTimeout",
    "message": "no answer within 5 s",
    "traceback": "",
}

_COUNTS = {
    "total": 3, "blocked": 1, "scheduled": 0, "queued": 2, "running": 0, "retrying": 0,
    "succeeded": 0, "dead": 0, "cancelled": 0,
}  # fmt: skip
_INVOICE = {"invoice_id": "inv_123"}
_FLOW_JOBS = {
    "fetch-line-items": "job_01KB0R9B4XW3A5C7E9G1J3M5P8",
    "calculate-tax": "job_01KB0R9B4XW3A5C7E9G1J3M5P9",
    "generate-invoice": "job_01KB0R9B4XW3A5C7E9G1J3M5PA",
}
_FLOW_SUMMARY = {
    "id": FLOW,
    "object": "flow",
    "version": 1,
    "name": "invoice",
    "state": "running",
    "counts": _COUNTS,
    "created_at": _AT,
    "finished_at": None,
}
_FLOW = {**_FLOW_SUMMARY, "jobs": _FLOW_JOBS}
_FLOW_ENDED = {
    **_FLOW,
    "version": 4,
    "state": "succeeded",
    "counts": {**_COUNTS, "blocked": 0, "queued": 0, "succeeded": 3},
    "finished_at": "2026-11-27T09:30:00.310Z",
}
_WAITS_FOR = ["fetch-line-items", "calculate-tax"]
_FAN_OUT = {
    "id": FAN_OUT,
    "object": "fan_out",
    "version": 1,
    "name": "process-order",
    "queue": "bulk",
    "state": "running",
    "sealed": True,
    "counts": {**_COUNTS, "total": 2, "blocked": 0, "queued": 2},
    "max_concurrency": None,
    "failure_tolerance": {"count": None, "percent": 5.0},
    "then_job_id": "job_01KB0RA5C6Z7Y9X1W3V5T7S9R2",
    "created_at": _AT,
    "finished_at": None,
}
_FAN_OUT_ENDED = {
    **_FAN_OUT,
    "version": 5,
    "state": "succeeded",
    "counts": {**_COUNTS, "total": 2, "blocked": 0, "queued": 0, "succeeded": 2},
    "finished_at": "2026-11-27T09:30:00.310Z",
}
_ITEMS = [{"order_id": "o-1"}, {"payload": {"order_id": "o-2"}, "key": "second", "priority": 10}]

#: A line of the results of a fan-out.
ITEM_RESULT: Mapping[str, Any] = {
    "index": 0,
    "key": None,
    "job_id": "job_01KB0RA5C6Z7Y9X1W3V5T7S9R3",
    "state": "succeeded",
    "result": {"order_id": "o-1", "status": "fulfilled"},
    "error": None,
}

#: By the name of the schema.
SCHEMAS: Mapping[str, Any] = {
    "JobSpecIn": _SPEC,
    "JobsIn": {"jobs": [_SPEC, {"name": "send-report", "payload": {"user_id": "u-1"}}]},
    "JobChangesIn": {"priority": 10},
    "CancelIn": {"reason": "the order was withdrawn", "grace_seconds": 5},
    "RedriveIn": {"delay_seconds": 60},
    "QueueChangesIn": {"max_depth": 100_000, "rate_limit": {"limit": 10, "per_seconds": 1}},
    "FlowSpecIn": {
        "name": "invoice",
        "jobs": {
            "fetch-line-items": {"job": {"name": "fetch-line-items", "payload": _INVOICE}},
            "calculate-tax": {"job": {"name": "calculate-tax", "payload": _INVOICE}},
            "generate-invoice": {
                "job": {"name": "generate-invoice", "payload": _INVOICE},
                "depends_on": [_WAITS_FOR[0], {"key": _WAITS_FOR[1], "when": "finished"}],
            },
        },
    },
    "FanOutSpecIn": {
        "template": {"name": "process-order", "queue": "bulk"},
        "items": _ITEMS,
        "failure_tolerance": {"percent": 5},
        "then": {"name": "send-report", "payload": {"user_id": "u-1"}},
    },
    "ItemsIn": {"start_index": 2, "items": _ITEMS},
    "SealIn": {"expected_count": 4},
    "ScheduleIn": {
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "job": {"name": "send-report", "payload": {"user_id": "u-1"}},
    },
    "GroupCancelIn": {"grace_seconds": 5},
    "PurgeIn": {"confirm": "default"},
    "JobOut": _SUCCEEDED,
    "BulkRow": _ROW,
    "BulkOut": {"succeeded": 1, "failed": 0, "results": [_ROW]},
    "AttemptOut": _ATTEMPT,
    "LogOut": {"at": _AT, "message": "u-1 has two devices"},
    "DeadLetterOut": {
        "job_id": JOB,
        "object": "dlq_entry",
        "name": "process-order",
        "queue": "default",
        "reason": "exhausted",
        "error": _FAILURE,
        "failures": 3,
        "crashes": 0,
        "dead_at": "2026-11-27T09:30:12.480Z",
        "payload": {"order_id": "o-1"},
        "attempts": [_ATTEMPT],
        "redriven": 0,
    },
    "WorkerOut": {
        "id": WORKER,
        "object": "worker",
        "host": "triage-default-7d9c6b5f4-x2x7p",
        "pid": 7,
        "version": "0.1.0",
        "queues": {"critical": 6, "default": 3, "bulk": 1, "*": 1},
        "job_types": ["process-order", "send-alert"],
        "state": "running",
        "running": 3,
        "capacity": 20,
        "started_at": "2026-11-27T08:00:00.000Z",
        "seen_at": _AT,
    },
    "JobTypeOut": {
        "name": "send-alert",
        "object": "job_type",
        "description": "Alert a user.",
        "executor": "async",
        "concurrency": None,
        "payload_schema": {
            "type": "object",
            "properties": {"user_id": {"type": "string"}},
            "required": ["user_id"],
        },
        "defaults": {"queue": "critical"},
        "redact": [],
    },
    "QueueOut": {
        "name": "default",
        "object": "queue",
        "version": 3,
        "paused": False,
        "counts": {"queued": 5000, "scheduled": 150, "retrying": 40, "running": 20, "blocked": 0},
        "dlq_depth": 7,
        "oldest_queued_seconds": 1.8,
        "workers": 4,
        "capacity": 80,
        "enqueued_per_second": 120.5,
        "finished_per_second": 118.0,
        "failed_per_second": 1.2,
        "max_concurrency": None,
        "rate_limit": {"limit": 10, "per_seconds": 1.0, "smooth": False},
        "priority_aging_seconds": 60.0,
        "max_depth": None,
        "paused_job_types": [],
        "per_key": {"max_concurrency": None, "rate_limit": None},
        "keys": {},
        "defaults": {},
    },
    "FlowOut": _FLOW_ENDED,
    "FlowSummaryOut": _FLOW_SUMMARY,
    "GraphOut": {
        "flow_id": FLOW,
        "nodes": [
            {
                "key": key,
                "job_id": id,
                "name": key,
                "state": "blocked" if key == "generate-invoice" else "queued",
            }
            for key, id in _FLOW_JOBS.items()
        ],
        "edges": [
            {"from": _WAITS_FOR[0], "to": "generate-invoice", "when": "succeeded"},
            {"from": _WAITS_FOR[1], "to": "generate-invoice", "when": "finished"},
        ],
    },
    "FanOutOut": _FAN_OUT_ENDED,
    "ItemsOut": {"accepted": 2, "deduplicated": 0, "rejected": [], "next_index": 4, "sealed": False},
    "PurgeOut": {"purged": 42},
    "AutoscaleOut": {"queue": "default", "value": 28, "queued": 25, "running": 3, "due": 0, "paused": False},
    "HealthOut": {"status": "ok", "problem": None},
}

#: What a 202 shows instead: the work still lies ahead.
ACCEPTED: Mapping[str, Any] = {"JobOut": _QUEUED, "FlowOut": _FLOW, "FanOutOut": _FAN_OUT}

#: By the name of the parameter; those that are required have an example.
PARAMETERS: Mapping[str, str] = {
    "job_id": JOB,
    "flow_id": FLOW,
    "fan_out_id": FAN_OUT,
    "worker_id": WORKER,
    "name": "default",
    "queue": "default",
}


def complete(known: Any, schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """What is known of an example, and what else its schema requires."""
    smallest = example_of(schema, components)
    return {**smallest, **known} if isinstance(smallest, dict) else known or smallest


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """What the table says, else the smallest value of the schema that says something."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return complete(SCHEMAS.get(name, {}), components[name], components)
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        absent = {"type": "null"}
        return None if absent in schema["anyOf"] else example_of(schema["anyOf"][0], components)
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            fields = schema.get("properties", {})
            if not fields and "minProperties" in schema:
                return {"key": example_of(schema["additionalProperties"], components)}
            return {name: example_of(field, components) for name, field in fields.items() if name in required}
        case "array":
            return [example_of(schema["items"], components)] if "items" in schema else []
        case "string":
            return _AT if schema.get("format") == "date-time" else "text"
        case "integer" | "number":
            return max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return False
        case _:
            return None
