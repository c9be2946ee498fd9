"""Schemas of audits."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.api.schemas.parts.fields import Out

_OUTCOME = (
    "`reported`: what would be right is not certain. `repairable`: an audit without repairs would have "
    "repaired it."
)


class AuditCountOut(Out):
    """How often the audit found a kind with an outcome."""

    kind: str
    outcome: Literal["repaired", "repairable", "reported"]
    count: int


class AuditFindingOut(Out):
    """A structure that disagreed with the jobs or records that it describes."""

    kind: str = Field(description="The kind of damage; docs/reference/audit.md explains each.")
    outcome: Literal["repaired", "repairable", "reported"] = Field(description=_OUTCOME)
    key: str = Field(description="The key in Redis, without the prefix of the namespace.")
    resource_id: str | None = Field(description="The ID of the job, flow or fan-out, if it is about one.")
    detail: str


class AuditReportOut(Out):
    """A complete audit."""

    started_at: datetime
    ended_at: datetime
    jobs: int = Field(description="Jobs that it compared.")
    entries: int = Field(description="Entries of indexes, and other records.")
    all_keys: bool = Field(
        description="Whether the workers' Redis user may SCAN, so that it found records that no index names."
    )
    counters: bool = Field(
        description="Whether it compared the counters: it does so for up to 200,000 jobs, if it can read all."
    )
    repaired: int
    unrepaired: int
    counts: list[AuditCountOut]
    findings: list[AuditFindingOut] = Field(
        description="Up to 100 of each outcome, those that were not repaired first."
    )


class AuditOut(Out):
    """The audits of the namespace."""

    object: Literal["audit"]
    running_since: datetime | None = Field(description="When the running audit began, if there is one.")
    requested_at: datetime | None = Field(description="When the next audit was requested, if it was.")
    report: AuditReportOut | None = Field(description="The last complete audit.")
