"""How much may start: limits of a queue, of a limit key in it, and what lies under a job's own options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.domain.checks import Whole

#: Jobs that run at a time, wherever somebody may limit them.
CONCURRENCY = Whole(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """No window of `per_ms`, wherever it begins, holds more than `limit` starts over all workers."""

    limit: int
    per_ms: int
    #: At least `per_ms / limit` between any two starts.
    smooth: bool = False


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Limits of each limit key of a queue; None means no limit."""

    max_concurrency: int | None = None
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class KeyOverride:
    """Limits of one limit key; "default" is what the queue says for every key."""

    max_concurrency: int | Literal["default"] | None = "default"
    rate_limit: RateLimit | Literal["default"] | None = "default"


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`priority_aging_ms` None is strict priority: a point of priority outweighs any waiting time."""

    paused: bool = False
    paused_job_types: tuple[str, ...] = ()
    priority_aging_ms: int | None = 60_000
    max_concurrency: int | None = None
    max_depth: int | None = None
    rate_limit: RateLimit | None = None
    per_key: KeyLimits = field(default_factory=KeyLimits)
    keys: Mapping[str, KeyOverride] = field(default_factory=dict[str, KeyOverride])
    #: Fields of JobSpec in their JSON form, under those of the job type.
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: int = 1
