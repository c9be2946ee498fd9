"""Settings of a queue: its limits, limits of its limit keys, and defaults of its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.domain.checks import Whole

#: Values of any limit on running jobs.
CONCURRENCY = Whole(1, 1_000_000)
#: Settings of a queue that grow by one with each request: claims and responses read all of them.
MAX_OVERRIDES = 5_000
MAX_PAUSED_TYPES = 200


@dataclass(frozen=True, slots=True)
class RateLimit:
    """No window of `per_ms` has more than `limit` starts, across all workers."""

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
    """Limits of one limit key; "default" means the queue's limit for every key."""

    max_concurrency: int | Literal["default"] | None = "default"
    rate_limit: RateLimit | Literal["default"] | None = "default"


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """With `priority_aging_ms` None, priority is strict: one point outweighs any waiting time."""

    paused: bool = False
    paused_job_types: tuple[str, ...] = ()
    priority_aging_ms: int | None = 60_000
    max_concurrency: int | None = None
    max_depth: int | None = None
    rate_limit: RateLimit | None = None
    per_key: KeyLimits = field(default_factory=KeyLimits)
    keys: Mapping[str, KeyOverride] = field(default_factory=dict[str, KeyOverride])
    #: JobSpec fields in JSON form; defaults of the job type override them.
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: int = 1
