"""Schemas of API keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service.api.schemas.parts.fields import In, Name, Out, Time
from service.domain.access_key import MAX_NAME, MAX_OVERLAP, MAX_RESTRICTIONS, SCOPES, Reach, Scope
from service.domain.checks import to_ms

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
