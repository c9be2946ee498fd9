"""Schemas of parts of a job."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.parts.fields import Out

Truncated = Annotated[
    list[str],
    Field(
        description=(
            "Fields that are null or shortened because they are too large for a list. Read the resource "
            "itself to get them. Empty outside lists."
        )
    ),
]


class ErrorOut(Out):
    """The last failure of a job."""

    type: str
    message: str = Field(description="`[redacted]` unless the caller may read payloads.")
    retryable: bool
    attempt: int


class RetryOut(Out):
    """When the job runs again after a failure, with all defaults resolved."""

    max_attempts: int
    backoff: Literal["fixed", "linear", "exponential"]
    delay_seconds: float
    max_delay_seconds: float
    jitter: float


class UniqueOut(Out):
    """The unique key as requested; `until` is a milestone, or seconds after the submission."""

    key: str
    until: Literal["started", "finished"] | float
    on_conflict: Literal["return_existing", "reject", "replace"]


class ProgressOut(Out):
    """The progress that a run reports."""

    current: float
    total: float | None
    message: str | None
