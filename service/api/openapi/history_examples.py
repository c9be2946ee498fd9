"""Examples of the history: statistics, events, groups of dead letters."""

from collections.abc import Mapping
from typing import Any

from service.api.openapi import example_data
from service.version import VERSION

_PERCENTILES = {"p50": 0.012, "p95": 0.181, "p99": 0.72}
_COUNTS = {"started": 241, "succeeded": 233, "failed": 9, "dead": 3, "cancelled": 1}


def _columns(**values: Any) -> dict[str, Any]:
    """Three steps: one without data, two with these values."""
    return {name: [None, value, value] for name, value in values.items()}


STATS: Mapping[str, Any] = {
    "object": "stats",
    "queue": "default",
    "type": None,
    "from": "2026-11-27T09:15:00.000Z",
    "to": "2026-11-27T09:30:00.000Z",
    "step": "5m",
    "step_seconds": 300,
    "points": 3,
    **{name: [None, count // 2 + count % 2, count // 2] for name, count in _COUNTS.items()},
    "wait_seconds": _columns(**_PERCENTILES),
    "run_seconds": _columns(**_PERCENTILES),
    "depth": _columns(queued=18, delayed=4, running=3, dead=7),
    "totals": {**_COUNTS, "wait_seconds": _PERCENTILES, "run_seconds": _PERCENTILES},
    "marks": [
        {
            "at": "2026-11-27T09:21:14.020Z",
            "kind": "deploy",
            "version": VERSION,
            "queue": None,
            "job_type": None,
        }
    ],
}
STATS_ROW: Mapping[str, Any] = {
    "name": "default",
    **_COUNTS,
    "wait_seconds": _PERCENTILES,
    "run_seconds": _PERCENTILES,
    "trend": {name: STATS[name] for name in ("succeeded", "failed", "dead")},
}
DEAD_LETTER_GROUP: Mapping[str, Any] = {
    "fingerprint": "5f1d7a84db00d2fc",
    "object": "dlq_group",
    "name": "process-order",
    "error_type": "ConnectTimeout",
    "message": "no response within 5 s",
    "reason": "exhausted",
    "count": 60,
    "first_seen_at": example_data.AT,
    "last_seen_at": "2026-11-27T09:30:12.480Z",
    "queues": ["default"],
    "versions": [VERSION],
    "example_job_id": example_data.JOB_ID,
}
EVENT: Mapping[str, Any] = {
    "type": "job.dead",
    "at": "2026-11-27T09:30:12.480Z",
    "object": "job",
    "id": example_data.JOB_ID,
    "version": 7,
    "state": "dead",
    "state_reason": "exhausted",
    "queue": "default",
    "name": "process-order",
    "group_id": None,
}

#: By schema name.
AUDIT: Mapping[str, Any] = {
    "object": "audit",
    "running_since": None,
    "requested_at": None,
    "report": {
        "started_at": "2026-11-27T09:00:00.120Z",
        "ended_at": "2026-11-27T09:00:41.730Z",
        "jobs": 48_210,
        "entries": 151_377,
        "all_keys": True,
        "counters": True,
        "repaired": 1,
        "unrepaired": 0,
        "counts": [{"kind": "missing_entry", "outcome": "repaired", "count": 1}],
        "findings": [
            {
                "kind": "missing_entry",
                "outcome": "repaired",
                "key": "leases",
                "resource_id": example_data.JOB_ID,
                "detail": "the job is running",
            }
        ],
    },
}

SCHEMAS: Mapping[str, Any] = {
    "StatsOut": STATS,
    "AuditOut": AUDIT,
    "StatsRowOut": STATS_ROW,
    "StatsPage": {
        "items": [STATS_ROW],
        "next_cursor": None,
        "from": STATS["from"],
        "to": STATS["to"],
        "trend_step_seconds": 300,
    },
    "MarkOut": STATS["marks"][0],
    "DeadLetterGroupOut": DEAD_LETTER_GROUP,
    "EventOut": EVENT,
}
