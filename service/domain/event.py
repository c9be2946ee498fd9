"""Events of a namespace: what changed, and when."""

from dataclasses import dataclass
from typing import Literal

from service.domain.states import State

EventObject = Literal["job", "flow", "fan_out", "queue"]
#: Types by the object that they are about.
TYPES: dict[EventObject, tuple[str, ...]] = {
    "job": tuple(state.value for state in State),
    "flow": ("running", "succeeded", "failed", "cancelled"),
    "fan_out": ("open", "running", "succeeded", "failed", "cancelled"),
    "queue": ("paused", "resumed"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """A change, as of the version that its reader found. `at` is unix ms."""

    at: int
    object: EventObject
    id: str
    version: int | None
    state: str
    state_reason: str | None
    queue: str | None
    name: str | None
    group_id: str | None

    @property
    def type(self) -> str:
        return f"{self.object}.{self.state}"


@dataclass(frozen=True, slots=True)
class Gap:
    """Changes before this position are missing."""

    reason: Literal["too_old", "not_recorded", "too_slow"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log: an entry by its time in microseconds, and a change in it."""

    entry: int
    place: int

    def __str__(self) -> str:
        return f"{self.entry}-{self.place}"
