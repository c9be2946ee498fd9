"""The causes in an explanation: a code for programs, and facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Code = Literal[
    "queue_paused", "type_paused", "no_worker", "unknown_type", "workers_busy", "type_busy",
    "queue_concurrency", "queue_rate", "type_frozen", "key_concurrency", "key_rate", "key_frozen",
    "fan_out_concurrency", "jobs_ahead", "ready", "overdue",
    "scheduled", "retrying", "due", "no_live_worker",
    "dependencies", "children", "fan_out", "unique_holder", "release_pending",
    "running", "lease_expired", "cancel_requested", "succeeded", "cancelled", "dead",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """Times in `facts` are unix ms; schemas/explanations.py of the API describes each fact."""

    code: Code
    facts: Mapping[str, Any]
