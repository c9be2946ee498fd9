"""Groups: what flows and fan-outs have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from service.domain.job_spec import JobSpec
from service.domain.states import State

GroupKind = Literal["flow", "fan"]
GroupState = Literal["open", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The state of a group. `counts` has every state and always adds up to `total`."""

    kind: ClassVar[GroupKind]

    id: str
    version: int
    state: GroupState
    total: int
    counts: Mapping[State, int]
    created_at: int
    finished_at: int | None = None
    #: How often it was retried.
    generation: int = 0
    #: Milliseconds that its running jobs get to react to its cancellation.
    grace_ms: int = 0

    @property
    def live(self) -> bool:
        return self.state in ("open", "running")


def kind_of(id: str) -> GroupKind:
    return "flow" if id.startswith("flow_") else "fan"


def first_due(spec: JobSpec, at: int) -> int:
    """When a job that is created at `at` is due."""
    return spec.run_at_ms if spec.run_at_ms is not None else at + spec.delay_ms
