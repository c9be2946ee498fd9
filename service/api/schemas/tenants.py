"""Schemas of API keys and namespaces."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service.api.schemas.parts.fields import In, Name, Out, Seconds, Time
from service.domain.access_key import MAX_NAME, MAX_OVERLAP, MAX_RESTRICTIONS, SCOPES, Reach, Scope
from service.domain.checks import to_ms
from service.domain.redaction import POINTER
from service.domain.tenant import MAX_DESCRIPTION, MAX_REDACTIONS, MOST, NAMESPACE_PATTERN

Restriction = Annotated[list[Name], Field(min_length=1, max_length=MAX_RESTRICTIONS)]


class ApiKeyIn(In):
    """A new key of the caller's namespace. It can permit nothing that the caller may not do."""

    name: Annotated[str, StringConstraints(pattern=rf"^[^\x00-\x1f\x7f]{{1,{MAX_NAME}}}$")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    queues: Restriction | None = Field(None, description="The only queues that the key may use.")
    names: Restriction | None = Field(None, description="The only job types that the key may use.")
    expires_at: Time | None = Field(None, description="When the key stops working; absent = never.")

    def reach(self) -> Reach | None:
        return Reach.of(self.queues, self.names)

    def expires_ms(self) -> int | None:
        return None if self.expires_at is None else to_ms(self.expires_at)


class RotateIn(In):
    """How the old secret ends."""

    overlap_seconds: Annotated[float, Field(ge=0, le=MAX_OVERLAP)] = Field(
        0, description="How long the old secret stays valid, at most 30 days."
    )


class ApiKeyOut(Out):
    """An API key, without its secret."""

    id: str
    object: Literal["api_key"]
    version: int
    name: str
    namespace: str
    scopes: list[str]
    queues: list[str] | None
    names: list[str] | None
    created_at: datetime
    created_by: str | None = Field(description="The key or token that created it; null: the command line.")
    expires_at: datetime | None
    rotated_at: datetime | None
    previous_expires_at: datetime | None = Field(
        description="When the secret before the last rotation stops working."
    )
    last_used_at: datetime | None = Field(description="Accurate to about a minute.")


class ApiKeyIssuedOut(ApiKeyOut):
    """An API key with its secret, which no other response contains."""

    key: str


class ApiKeyPage(Out):
    items: list[ApiKeyOut]
    next_cursor: str | None


NamespaceName = Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]
Limit = Annotated[int, Field(ge=0, le=MOST)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]
Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION, pattern=r"^[^\x00-\x1f\x7f]*$")]
Pointer = Annotated[str, StringConstraints(pattern=POINTER, max_length=512)]
Pointers = Annotated[list[Pointer], Field(max_length=MAX_REDACTIONS)]


class QuotasIn(In):
    """null = no limit. An absent quota has its default in a new namespace, and does not change otherwise."""

    jobs: Limit | None = Field(None, description="Unfinished jobs, however late they are due.")
    stored_bytes: Limit | None = Field(
        None, description="Bytes of payloads, results, errors; 1 KiB per job, flow and fan-out."
    )
    queues: Limit | None = Field(None, description="Queues with jobs or settings.")
    limit_keys: Limit | None = Field(None, description="Limit keys of unfinished jobs.")
    unique_keys: Limit | None = Field(None, description="Unique keys that are held.")
    schedules: Limit | None = Field(None, description="Schedules.")
    idempotency_bytes: Limit | None = Field(
        None, description="Bytes of the records of idempotency keys, which are kept for a day."
    )
    bulk_actions: Limit | None = Field(None, description="Bulk actions, which are kept for a day.")
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
    idempotency_bytes: int | None
    bulk_actions: int | None
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
    idempotency_bytes: int
    bulk_actions: int


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
