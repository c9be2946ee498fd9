"""Parts of a job as clients read it."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.parts.fields import Out

Truncated = Annotated[
    list[str],
    Field(
        description="Names of fields that are null or shortened here because they are too large for a list; "
        "the resource by itself has them. Empty unless this is part of a list."
    ),
]


class ErrorOut(Out):
    """The last failure of a job."""

    type: str
    message: str = Field(description="`[redacted]` for callers who may not see the payload.")
    retryable: bool
    attempt: int


class RetryOut(Out):
    """When the job runs again after a failure, every default resolved."""

    max_attempts: int
    backoff: Literal["fixed", "linear", "exponential"]
    delay_seconds: float
    max_delay_seconds: float
    jitter: float


class UniqueOut(Out):
    """The unique key as it was asked for; `until` is a milestone, or seconds from the submission."""

    key: str
    until: Literal["started", "finished"] | float
    on_conflict: Literal["return_existing", "reject", "replace"]


class ProgressOut(Out):
    """How far a run says that it is."""

    current: float
    total: float | None
    message: str | None
