"""Counts submissions that asked for a replica of Redis."""

import time
from collections.abc import Iterable
from typing import Literal, Self

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

Outcome = Literal["replicated", "not_replicated"]
OUTCOMES: tuple[Outcome, ...] = ("replicated", "not_replicated")


class Replicated(Collector):
    """By whether a replica had them in time."""

    def __init__(self) -> None:
        self.created = time.time()
        self.by_outcome: dict[str, int] = dict.fromkeys(OUTCOMES, 0)

    def add(self, outcome: Outcome) -> None:
        self.by_outcome[outcome] += 1

    def dump(self) -> dict[str, int]:
        return self.by_outcome

    @classmethod
    def load(cls, dumped: dict[str, int]) -> Self:
        found = cls()
        found.by_outcome.update(dumped)
        return found

    def __iadd__(self, other: "Replicated") -> "Replicated":
        for outcome, number in other.by_outcome.items():
            self.by_outcome[outcome] += number
        return self

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "triage_replicated_submissions",
            "Submissions that asked for a replica of Redis, by whether one had them in time.",
            labels=("outcome",),
        )
        for outcome, number in self.by_outcome.items():
            family.add_metric((outcome,), number, created=self.created)
        return [family]
