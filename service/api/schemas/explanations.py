"""Schemas of explanations."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.jobs import StateName
from service.api.schemas.parts.fields import Out
from service.domain.explanation_codes import Code


class WaitsForOut(Out):
    """A job, child or fan-out that a blocked job waits for; `state` is null if it was deleted."""

    id: str
    key: str | None
    state: str | None


class ReasonOut(Out):
    """One reason for the job's state. Fields that its code does not use are absent."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    code: Code
    message: str
    until: datetime | None = Field(None, description="When this ends, or ended.")
    queue: str | None = None
    name: str | None = None
    limit_key: str | None = None
    fan_out_id: str | None = None
    limit: int | None = None
    per_seconds: float | None = None
    running: int | None = Field(None, description="Running jobs that count toward the limit or capacity.")
    workers: int | None = Field(None, description="Live workers of the queue that the reason refers to.")
    draining: int | None = Field(None, description="Live workers that are draining and claim no jobs.")
    capacity: int | None = None
    seen_at: datetime | None = Field(
        None, description="The oldest of the heartbeats from which `running` was counted."
    )
    ahead: int | None = Field(None, description="Queued jobs with its type and limit key that run before it.")
    queued: int | None = Field(None, description="Queued jobs in the queue, including this one.")
    priority: int | None = None
    aging_seconds: float | None = Field(
        None, description="Waiting time that outweighs one point of priority; null: strict priority."
    )
    attempt: int | None = Field(None, description="The running attempt, or the last one that failed.")
    max_attempts: int | None = None
    crashes: int | None = None
    error_type: str | None = None
    state_reason: str | None = None
    total: int | None = Field(None, description="How many jobs it waits for; `waits_for` names at most 20.")
    waits_for: list[WaitsForOut] | None = None
    holder_id: str | None = None
    holder_state: str | None = None
    worker_id: str | None = None
    started_at: datetime | None = None
    lease_until: datetime | None = None
    requested_at: datetime | None = None
    forced_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_message: str | None = Field(None, description="The `reason` from the cancel request.")
    retry: str | None = Field(None, description="POST to this URL to run the job again.")


class ExplanationOut(Out):
    """Why a job is in its state. `summary` joins all messages; the most important reason comes first."""

    job_id: str
    object: Literal["explanation"]
    state: StateName
    summary: str
    reasons: list[ReasonOut]
    next_at: datetime | None = Field(description="When the job will move on, if it waits only for a time.")
