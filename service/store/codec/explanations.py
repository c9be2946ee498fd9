"""The replies of explain.lua."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from service.domain.explanation import Dependency, DependencyKind, JobFacts
from service.domain.limits import RateLimit
from service.domain.queue_explanation import Kind, Limiter, QueueFacts
from service.store.codec.fields import text

#: What a job waits for, by the condition of an edge (keys.dependents).
_DEPENDENCY_KINDS: Mapping[float, DependencyKind] = {3: "child", 4: "fan_out"}
#: Running jobs by worker and type; None where there are too many.
Runs = Mapping[tuple[str, str], int] | None


def decode_runs(flat: Sequence[Any] | None) -> Runs:
    if flat is None:
        return None
    rows = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return {(worker.decode(), name.decode()): count for worker, name, count in rows}


def decode_queue(facts: Sequence[Any], now: int) -> QueueFacts:
    paused, type_paused, aging, ahead, queued, limiters = facts
    return QueueFacts(
        paused=paused == b"1",
        type_paused=type_paused is not None,
        aging_ms=None if aging == b"strict" else int(aging or 60_000),
        ahead=ahead or 0,
        queued=queued,
        limiters=[_limiter(now, *row) for row in limiters],
    )


def _limiter(
    now: int,
    id: bytes,
    closed_until: bytes | None,
    concurrency: int | None,
    running: int,
    limit: int | None,
    per_ms: int | None,
    rate_opens_at: int | None,
) -> Limiter:
    until = None if closed_until is None else float(closed_until)
    return Limiter(
        kind=cast(Kind, id.decode().partition(":")[0]),
        # The next claim opens a limiter whose time has come.
        closed_until=until if until is not None and until > now else None,
        max_concurrency=concurrency,
        running=running,
        rate=None if limit is None or per_ms is None else RateLimit(limit, per_ms),
        rate_opens_at=rate_opens_at,
    )


def decode_blocked(
    job_facts: JobFacts,
    total: int,
    rows: Sequence[Sequence[bytes | None]],
    holder: bytes | None = None,
    holder_state: bytes | None = None,
) -> JobFacts:
    found = [
        Dependency(
            text(id) or "", text(state), _DEPENDENCY_KINDS.get(float(condition or 0), "job"), text(key)
        )
        for id, state, condition, key in rows
    ]
    return replace(
        job_facts,
        waits_for=total,
        dependencies=sorted(found, key=lambda row: row.id),
        holder=None if holder is None else (holder.decode(), text(holder_state)),
    )
