"""A row of the benchmark: sides that are measured in turn, and the goals of Triage."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.bench import Bench


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one side in one round. CPU time is per job and process, in microseconds."""

    figure: float
    cpu_us: Mapping[str, float] = field(default_factory=dict[str, float])
    #: Other figures, such as percentiles, by their unit.
    also: Mapping[str, float] = field(default_factory=dict[str, float])


Measure = Callable[[Bench], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of the first side: for its ratio to the figure of `peer`, or for its own figure."""

    peer: str
    limit: float
    at_least: bool
    ratio: bool = True

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float, of: str) -> Goal:
    return Goal(of, limit, at_least=True)


def at_most(limit: float, of: str) -> Goal:
    return Goal(of, limit, at_least=False)


def own_at_least(limit: float, beside: str) -> Goal:
    """A goal for the figure of Triage; the peer is measured for comparison."""
    return Goal(beside, limit, at_least=True, ratio=False)


def own_at_most(limit: float, beside: str) -> Goal:
    return Goal(beside, limit, at_least=False, ratio=False)


@dataclass(frozen=True, slots=True)
class Row:
    """`sides`: Triage first, then every peer; `how`: a description of the measurement."""

    name: str
    title: str
    unit: str
    how: str
    sides: Mapping[str, Measure]
    goals: tuple[Goal, ...]

    @property
    def ours(self) -> str:
        return next(iter(self.sides))
