"""Examples of the document by schema and parameter, made from example_data.py."""

from collections.abc import Mapping
from typing import Any

from service.api.openapi import example_data, history_examples
from service.version import VERSION

#: By schema name.
SCHEMAS: Mapping[str, Any] = {
    "JobSpecIn": example_data.SPEC,
    "JobsIn": {"jobs": [example_data.SPEC, {"name": "send-report", "payload": {"user_id": "u-1"}}]},
    "JobChangesIn": {"priority": 10},
    "CancelIn": {"reason": "the order was withdrawn", "grace_seconds": 5},
    "RedriveIn": {"delay_seconds": 60},
    "QueueChangesIn": {"max_depth": 100_000, "rate_limit": {"limit": 10, "per_seconds": 1}},
    "FlowSpecIn": {
        "name": "invoice",
        "jobs": {
            "fetch-line-items": {"job": {"name": "fetch-line-items", "payload": example_data.INVOICE}},
            "calculate-tax": {"job": {"name": "calculate-tax", "payload": example_data.INVOICE}},
            "generate-invoice": {
                "job": {"name": "generate-invoice", "payload": example_data.INVOICE},
                "depends_on": [
                    example_data.WAITS_FOR[0],
                    {"key": example_data.WAITS_FOR[1], "when": "finished"},
                ],
            },
        },
    },
    "FanOutSpecIn": {
        "template": {"name": "process-order", "queue": "bulk"},
        "items": example_data.ITEMS,
        "failure_tolerance": {"percent": 5},
        "then": {"name": "send-report", "payload": {"user_id": "u-1"}},
    },
    "ItemsIn": {"start_index": 2, "items": example_data.ITEMS},
    "SealIn": {"expected_count": 4},
    "ScheduleIn": {
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "job": {"name": "send-report", "payload": {"user_id": "u-1"}},
    },
    "BulkActionIn": {
        "action": "cancel",
        "filter": {"queue": "bulk", "state": "queued", "tag": ["tenant:acme"]},
        "rate_per_second": 100,
    },
    "BulkFilterIn": {"queue": "bulk"},
    "DeadRetryIn": {"filter": {"queue": "default", "reason": "exhausted"}, "rate_per_second": 100},
    "DeadFilterIn": {"queue": "default", "reason": "exhausted"},
    "GroupCancelIn": {"grace_seconds": 5},
    "PurgeIn": {"confirm": "default"},
    "JobOut": example_data.SUCCEEDED,
    "BulkRow": example_data.ROW,
    "BulkOut": {"succeeded": 1, "failed": 0, "results": [example_data.ROW]},
    "AttemptOut": example_data.ATTEMPT,
    "LogOut": {"at": example_data.AT, "message": "u-1 has two devices"},
    "ReasonOut": example_data.REASON,
    "ExplanationOut": {
        "job_id": example_data.JOB_ID,
        "object": "explanation",
        "state": "queued",
        "summary": example_data.REASON["message"],
        "reasons": [example_data.REASON],
        "next_at": "2026-11-27T09:30:00.850Z",
    },
    "DeadLetterOut": {
        "job_id": example_data.JOB_ID,
        "object": "dlq_entry",
        "name": "process-order",
        "queue": "default",
        "reason": "exhausted",
        "error": example_data.FAILURE,
        "failures": 3,
        "crashes": 0,
        "dead_at": "2026-11-27T09:30:12.480Z",
        "payload": {"order_id": "o-1"},
        "attempts": [example_data.ATTEMPT],
        "redriven": 0,
        "fingerprint": history_examples.DEAD_LETTER_GROUP["fingerprint"],
        "truncated": [],
    },
    "WorkerOut": {
        "id": example_data.WORKER_ID,
        "object": "worker",
        "host": "triage-default-7d9c6b5f4-x2x7p",
        "pid": 7,
        "version": VERSION,
        "queues": {"critical": 6, "default": 3, "bulk": 1, "*": 1},
        "job_types": ["process-order", "send-alert"],
        "state": "running",
        "running": 3,
        "capacity": 20,
        "started_at": "2026-11-27T08:00:00.000Z",
        "seen_at": example_data.AT,
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
        "unserved_job_types": [],
        "per_key": {"max_concurrency": None, "rate_limit": None},
        "keys": {},
        "defaults": {},
    },
    "JobEventOut": example_data.JOB_EVENT,
    "FlowEventOut": example_data.FLOW_EVENT,
    "FanOutEventOut": example_data.FAN_OUT_EVENT,
    "FlowOut": example_data.FLOW_ENDED,
    "FlowSummaryOut": example_data.FLOW_SUMMARY,
    "GraphOut": {
        "flow_id": example_data.FLOW_ID,
        "nodes": [
            {
                "key": key,
                "job_id": id,
                "name": key,
                "state": "blocked" if key == "generate-invoice" else "queued",
                "queued_at": None if key == "generate-invoice" else example_data.AT,
                "started_at": None,
                "finished_at": None,
            }
            for key, id in example_data.FLOW_JOBS.items()
        ],
        "edges": [
            {"from": example_data.WAITS_FOR[0], "to": "generate-invoice", "when": "succeeded"},
            {"from": example_data.WAITS_FOR[1], "to": "generate-invoice", "when": "finished"},
        ],
    },
    "FanOutOut": example_data.FAN_OUT_ENDED,
    "ItemResultOut": example_data.ITEM_RESULT,
    "ItemsOut": {"accepted": 2, "deduplicated": 0, "rejected": [], "next_index": 4, "sealed": False},
    "BulkActionOut": {
        **example_data.BULK_ACTION,
        "version": 12,
        "state": "succeeded",
        "counts": {"matched": 1043, "succeeded": 1042, "skipped": 1},
        "finished_at": "2026-11-27T09:30:10.020Z",
    },
    "BulkPreviewOut": {
        "dry_run": True,
        "action": "cancel",
        "filter": example_data.BULK_ACTION["filter"],
        "matched": 1043,
        "at_least": False,
    },
    "WebhookIn": {"url": example_data.WEBHOOK["url"], "events": ["job.dead", "flow.*"]},
    "WebhookChangesIn": {"events": ["job.dead"]},
    "RotationIn": {"overlap_seconds": 3600},
    "WebhookOut": example_data.WEBHOOK,
    "WebhookSecretOut": {
        **example_data.WEBHOOK,
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5kQqW1Jc3fE=",
    },
    "DeliveryOut": example_data.DELIVERY,
    "PurgeOut": {"purged": 42},
    "AutoscaleOut": {"queue": "default", "value": 28, "queued": 25, "running": 3, "due": 0, "paused": False},
    "ApiKeyIn": {"name": "shop", "scopes": ["keys:admin"]},
    "RotateIn": {"overlap_seconds": 3600},
    "ApiKeyOut": example_data.API_KEY,
    "ApiKeyIssuedOut": example_data.API_KEY_ISSUED,
    "NamespaceIn": {"name": "acme", "quotas": {"jobs": 50_000}},
    "NamespaceChangesIn": {"quotas": {"jobs": 20_000}},
    "QuotasIn": {"jobs": 50_000},
    "NamespaceOut": example_data.NAMESPACE,
    "HealthOut": {"status": "ok", "problem": None},
    **history_examples.SCHEMAS,
}

#: For 202 responses, where the work has not finished.
ACCEPTED: Mapping[str, Any] = {
    "JobOut": example_data.QUEUED,
    "FlowOut": example_data.FLOW,
    "FanOutOut": example_data.FAN_OUT,
    "BulkActionOut": example_data.BULK_ACTION,
}

#: By parameter name; every required parameter has an example.
PARAMETERS: Mapping[str, str] = {
    "job_id": example_data.JOB_ID,
    "flow_id": example_data.FLOW_ID,
    "fan_out_id": example_data.FAN_OUT_ID,
    "worker_id": example_data.WORKER_ID,
    "action_id": example_data.ACTION_ID,
    "key_id": example_data.KEY_ID,
    "webhook_id": example_data.WEBHOOK_ID,
    "delivery_id": example_data.DELIVERY_ID,
    "name": "default",
    "queue": "default",
}


#: Strings by format.
_TEXTS = {"date-time": example_data.AT, "uri": "https://shop.example/events"}


def complete(known: Any, schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Complete a partial example with the members that its schema requires."""
    smallest = example_of(schema, components)
    return {**smallest, **known} if isinstance(smallest, dict) else known or smallest


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """The example from the table, otherwise a small value that fits the schema."""
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
            return _TEXTS.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return False
        case _:
            return None
