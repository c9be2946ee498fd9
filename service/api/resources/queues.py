"""The queue resource."""

from collections.abc import Mapping
from typing import Any

from service.api.responses import rendering
from service.domain.limits import KeyOverride, RateLimit
from service.domain.states import State
from service.store.queues.queues import Freeze, Queue

_LIVE = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.RUNNING, State.BLOCKED)


def totals(queues: int, counts: Mapping[State, int]) -> dict[str, Any]:
    return {
        "queues": queues,
        "counts": {state.value: counts[state] for state in _LIVE},
        "dlq_depth": counts[State.DEAD],
    }


def queue(queue: Queue) -> dict[str, Any]:
    settings = queue.settings
    aging = settings.priority_aging_ms
    return {
        "name": queue.name,
        "object": "queue",
        "version": settings.version,
        "paused": settings.paused,
        "counts": {state.value: queue.counts[state] for state in _LIVE},
        "dlq_depth": queue.counts[State.DEAD],
        "oldest_queued_seconds": None if queue.oldest_queued_ms is None else queue.oldest_queued_ms / 1000,
        "workers": queue.workers,
        "capacity": queue.capacity,
        "enqueued_per_second": round(queue.enqueued_per_second, 3),
        "finished_per_second": round(queue.finished_per_second, 3),
        "failed_per_second": round(queue.failed_per_second, 3),
        "max_concurrency": settings.max_concurrency,
        "rate_limit": _rate(settings.rate_limit),
        "priority_aging_seconds": None if aging is None else aging / 1000,
        "max_depth": settings.max_depth,
        "paused_job_types": list(settings.paused_job_types),
        "per_key": {
            "max_concurrency": settings.per_key.max_concurrency,
            "rate_limit": _rate(settings.per_key.rate_limit),
        },
        "keys": {key: _override(limits) for key, limits in settings.keys.items()},
        "defaults": dict(settings.defaults),
        "unserved_job_types": list(queue.unserved_job_types),
        "freezes": [_freeze(found) for found in queue.freezes],
    }


def _freeze(found: Freeze) -> dict[str, Any]:
    return {
        "job_type": found.job_type,
        "limit_key": found.limit_key,
        "until": rendering.time(found.until),
        "reason": "rate_limited",
        "job_id": found.job_id,
    }


def _rate(rate: RateLimit | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {"limit": rate.limit, "per_seconds": rate.per_ms / 1000, "smooth": rate.smooth}


def _override(limits: KeyOverride) -> dict[str, Any]:
    """An absent field means the limit for all keys; null means no limit."""
    document: dict[str, Any] = {}
    if limits.max_concurrency != "default":
        document["max_concurrency"] = limits.max_concurrency
    if limits.rate_limit != "default":
        document["rate_limit"] = _rate(limits.rate_limit)
    return document
