"""Why a job is where it is, as clients read it."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.jobs import StateName
from service.api.schemas.parts.fields import Out
from service.domain.explanation_codes import Code


class WaitsForOut(Out):
    """A job, child or fan-out that a blocked job waits for; `state` is null when it was forgotten."""

    id: str
    key: str | None
    state: str | None


class ReasonOut(Out):
    """One thing that holds of the job now. Facts that do not belong to its code are absent."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    code: Code
    message: str
    until: datetime | None = Field(
        None, description="When this is over, or when the time came that has passed."
    )
    queue: str | None = None
    name: str | None = None
    limit_key: str | None = None
    fan_out_id: str | None = None
    limit: int | None = None
    per_seconds: float | None = None
    running: int | None = Field(None, description="Running jobs that the limit or the capacity counts.")
    workers: int | None = Field(None, description="Live workers of the queue that the reason speaks of.")
    draining: int | None = Field(None, description="Live workers that start nothing because they drain.")
    capacity: int | None = None
    seen_at: datetime | None = Field(
        None, description="`running` is as of heartbeats, the oldest of them then."
    )
    ahead: int | None = Field(None, description="Queued jobs of its type and limit key that run before it.")
    queued: int | None = Field(None, description="Queued jobs of the queue, with this one.")
    priority: int | None = None
    aging_seconds: float | None = Field(
        None, description="Waiting time that outweighs a point; null: strict."
    )
    attempt: int | None = Field(None, description="The attempt that runs, or the last one that failed.")
    max_attempts: int | None = None
    crashes: int | None = None
    error_type: str | None = None
    state_reason: str | None = None
    total: int | None = Field(None, description="How many it waits for; `waits_for` names 20 of them.")
    waits_for: list[WaitsForOut] | None = None
    holder_id: str | None = None
    holder_state: str | None = None
    worker_id: str | None = None
    started_at: datetime | None = None
    lease_until: datetime | None = None
    requested_at: datetime | None = None
    forced_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_message: str | None = Field(None, description="The `reason` that the cancel request gave.")
    retry: str | None = Field(None, description="POST here runs it again.")


class ExplanationOut(Out):
    """Why a job is where it is. `summary` is all messages; the weightiest reason comes first."""

    job_id: str
    object: Literal["explanation"]
    state: StateName
    summary: str
    reasons: list[ReasonOut]
    next_at: datetime | None = Field(
        description="When something happens to the job by itself, where time alone is in its way."
    )
