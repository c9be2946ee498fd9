"""Schemas of queues."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from service.api.schemas.jobs import RetryIn
from service.api.schemas.parts.fields import In, Key, Name, Out, PositiveSeconds, Priority, Seconds
from service.domain.limits import CONCURRENCY, KeyLimits, KeyOverride, RateLimit

MaxConcurrency = Annotated[int, Field(ge=CONCURRENCY.least, le=CONCURRENCY.most)]


class RateLimitIn(In):
    """At most `limit` starts in any period of `per_seconds`."""

    limit: int = Field(ge=1, le=1_000_000)
    per_seconds: PositiveSeconds = 1
    smooth: bool = False

    def rate_limit(self) -> RateLimit:
        return RateLimit(self.limit, max(1, round(self.per_seconds * 1000)), self.smooth)


class KeyLimitsIn(In):
    """Limits of a limit key. null removes a limit; in an override, absent applies the limit for all keys."""

    max_concurrency: MaxConcurrency | None = None
    rate_limit: RateLimitIn | None = None

    def limits(self) -> KeyLimits:
        return KeyLimits(self.max_concurrency, self.rate_limit and self.rate_limit.rate_limit())

    def override(self) -> KeyOverride:
        given = self.model_fields_set
        return KeyOverride(
            self.max_concurrency if "max_concurrency" in given else "default",
            (self.rate_limit and self.rate_limit.rate_limit()) if "rate_limit" in given else "default",
        )


class QueueDefaultsIn(In):
    """What a job inherits from the queue when neither the job nor its type sets a value."""

    priority: Priority | None = None
    timeout_seconds: PositiveSeconds | None = None
    retry: RetryIn | None = None
    durability: Literal["stored", "replicated"] | None = Field(
        None, description="For submissions without the header `Durability`."
    )


class QueueChangesIn(In):
    """Settings to change. null removes a limit; for aging, null means strict priority."""

    priority_aging_seconds: Seconds | None = None
    max_depth: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    max_concurrency: MaxConcurrency | None = Field(
        None, description="The most jobs that run at the same time, across all workers."
    )
    rate_limit: RateLimitIn | None = None
    per_key: KeyLimitsIn | None = Field(None, description="The limits for each limit key.")
    keys: dict[Key, KeyLimitsIn | None] | None = Field(
        None,
        max_length=200,
        description="Overrides for individual limit keys. null removes an override; other overrides stay.",
    )
    defaults: QueueDefaultsIn | None = None

    def changes(self) -> dict[str, Any]:
        """The changed settings, by their names in the domain."""
        found: dict[str, Any] = {
            field: getattr(self, field)
            for field in ("max_depth", "max_concurrency")
            if field in self.model_fields_set
        }
        for field in self.model_fields_set - set(found):
            value: Any = getattr(self, field)
            match field:
                case "priority_aging_seconds":
                    found["priority_aging_ms"] = None if value is None else round(value * 1000)
                case "rate_limit":
                    found[field] = value and value.rate_limit()
                case "per_key":
                    found[field] = value and value.limits()
                case "keys":
                    found[field] = {
                        key: limits and limits.override() for key, limits in (value or {}).items()
                    }
                case _:
                    found[field] = value and value.model_dump(
                        mode="json", exclude_unset=True, exclude_none=True
                    )
        return found


class PauseIn(In):
    """Without a job type, pauses or resumes the whole queue."""

    job_type: Name | None = None


class PurgeIn(In):
    """`confirm` must be the queue's name."""

    confirm: Name = Field(description="The name of the queue to purge.")


class PurgeOut(Out):
    """The number of cancelled jobs."""

    purged: int


class RateLimitOut(Out):
    limit: int
    per_seconds: float
    smooth: bool


class KeyLimitsOut(Out):
    max_concurrency: int | None
    rate_limit: RateLimitOut | None


class KeyOverrideOut(Out):
    """For absent limits, the limit for all keys applies."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    max_concurrency: int | None = None
    rate_limit: RateLimitOut | None = None


class CountsOut(Out):
    queued: int
    scheduled: int
    retrying: int
    running: int
    blocked: int


class FreezeOut(Out):
    """Jobs that may not start before a time. POST /v1/queues/{name}/resume ends the freeze early."""

    job_type: str | None = Field(description="Jobs of this type without a limit key.")
    limit_key: str | None = Field(description="Jobs with this limit key.")
    until: datetime
    reason: Literal["rate_limited"] = Field(
        description="rate_limited: a handler raised RateLimited, as http.request does for Retry-After."
    )
    job_id: str | None = Field(description="The job that caused the freeze.")


class QueueOut(Out):
    """A queue with its current counts."""

    name: str
    object: Literal["queue"]
    version: int
    paused: bool
    counts: CountsOut
    dlq_depth: int
    oldest_queued_seconds: float | None
    workers: int
    capacity: int
    enqueued_per_second: float
    finished_per_second: float
    failed_per_second: float
    max_concurrency: int | None
    rate_limit: RateLimitOut | None
    priority_aging_seconds: float | None
    max_depth: int | None
    paused_job_types: list[str]
    per_key: KeyLimitsOut
    keys: dict[str, KeyOverrideOut]
    defaults: dict[str, Any]
    unserved_job_types: list[str] = Field(
        description="Job types with queued jobs that no live worker of the queue knows."
    )
    freezes: list[FreezeOut] = Field(description="At most 100, longest first.")


class QueueTotalsOut(Out):
    """Totals of all queues of the namespace."""

    queues: int
    counts: CountsOut
    dlq_depth: int


class QueuePage(Out):
    items: list[QueueOut]
    next_cursor: str | None
    totals: QueueTotalsOut | None
