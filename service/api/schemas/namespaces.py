"""Schemas of namespaces."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service.api.schemas.parts.fields import In, Out, Seconds
from service.domain.redaction import POINTER
from service.domain.tenant import MAX_DESCRIPTION, MAX_REDACTIONS, MOST, NAMESPACE_PATTERN

NamespaceName = Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]
Limit = Annotated[int, Field(ge=0, le=MOST)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]
Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION, pattern=r"^[^\x00-\x1f\x7f]*$")]
Pointer = Annotated[str, StringConstraints(pattern=POINTER, max_length=512)]
Pointers = Annotated[list[Pointer], Field(max_length=MAX_REDACTIONS)]


class QuotasIn(In):
    """null = no limit. An absent quota has its default in a new namespace, and does not change otherwise."""

    jobs: Limit | None = Field(None, description="Unfinished jobs, however late they are due.")
    stored_bytes: Limit | None = Field(None, description="Bytes of payloads, results, errors; 1 KiB per job.")
    queues: Limit | None = Field(None, description="Queues with jobs or settings.")
    limit_keys: Limit | None = Field(None, description="Limit keys of unfinished jobs.")
    unique_keys: Limit | None = Field(None, description="Unique keys that are held.")
    schedules: Limit | None = Field(None, description="Schedules.")
    submissions_per_second: Rate | None = Field(None, description="Jobs that clients submit.")
    requests_per_second: Rate | None = Field(None, description="Requests, per API process.")
    waits: Limit | None = Field(None, description="Waiting requests, per API process.")
    streams: Limit | None = Field(None, description="Open event streams, per API process.")


class NamespaceIn(In):
    """A new namespace."""

    name: NamespaceName
    description: Description = ""
    quotas: QuotasIn | None = None
    retention_seconds: Seconds | None = Field(
        None, description="Retention of jobs that neither a client nor a job type sets."
    )
    redact: Pointers = Field(
        default_factory=list, description="JSON pointers to redact in payloads and results of all jobs."
    )


class NamespaceChangesIn(In):
    """What to change."""

    description: Description | None = None
    quotas: QuotasIn | None = None
    retention_seconds: Seconds | None = None
    redact: Pointers | None = None


class QuotasOut(Out):
    """null = no limit."""

    jobs: int | None
    stored_bytes: int | None
    queues: int | None
    limit_keys: int | None
    unique_keys: int | None
    schedules: int | None
    submissions_per_second: int | None
    requests_per_second: int | None
    waits: int | None
    streams: int | None


class UsageOut(Out):
    """What the namespace uses of the quotas that count something."""

    jobs: int
    stored_bytes: int
    queues: int
    limit_keys: int
    unique_keys: int
    schedules: int


class NamespaceOut(Out):
    """A namespace with its quotas."""

    name: str
    object: Literal["namespace"]
    version: int
    description: str
    quotas: QuotasOut
    usage: UsageOut | None = Field(description="null in lists, and without any quota.")
    retention_seconds: float | None
    redact: list[str]
    created_at: datetime


class NamespacePage(Out):
    items: list[NamespaceOut]
    next_cursor: str | None


def given_quotas(quotas: QuotasIn | None) -> dict[str, int | None]:
    """Those that the client sent."""
    return {} if quotas is None else {name: getattr(quotas, name) for name in quotas.model_fields_set}
