"""What a row of the benchmark is: sides that are measured in turn, and what Triage has to reach."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.bench import Bench


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side reached in one round. CPU is in microseconds per job, of each process that took part."""

    figure: float
    cpu_us: Mapping[str, float] = field(default_factory=dict[str, float])
    #: What else was measured, such as percentiles, by a name with its unit.
    also: Mapping[str, float] = field(default_factory=dict[str, float])


Measure = Callable[[Bench], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the first side has to reach: a ratio to the figure of `peer`, or a figure of its own."""

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
    """A goal of Triage alone; the peer is there to compare with."""
    return Goal(beside, limit, at_least=True, ratio=False)


def own_at_most(limit: float, beside: str) -> Goal:
    return Goal(beside, limit, at_least=False, ratio=False)


@dataclass(frozen=True, slots=True)
class Row:
    """`sides`: Triage first, then every peer; `how`: a sentence that says what is measured."""

    name: str
    title: str
    unit: str
    how: str
    sides: Mapping[str, Measure]
    goals: tuple[Goal, ...]

    @property
    def ours(self) -> str:
        return next(iter(self.sides))
