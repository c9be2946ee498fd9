"""A summary of all queues of a namespace: total counts, and which queues need attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.states import State
from service.store.redis.scripts import Scripts

#: Queues per script call: a script blocks all other calls.
BATCH = 100
#: In the order of the replies of count_queues.lua.
COUNTED = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.RUNNING, State.BLOCKED, State.DEAD)
_WIDTH = len(COUNTED) + 2


@dataclass(frozen=True, slots=True)
class Glance:
    """The counts of one queue. `oldest`: when its oldest queued job was created, unix ms."""

    name: str
    counts: Mapping[State, int]
    paused: bool
    oldest: int | None

    def attention(self) -> tuple[bool, bool, bool, float, int, str]:
        """Sorts queues with jobs first, among these queues in trouble, then the longest waits."""
        jobs, dead = sum(self.counts.values()), self.counts[State.DEAD]
        trouble = dead > 0 or (self.paused and self.counts[State.QUEUED] > 0)
        waits_since = float("inf") if self.oldest is None else self.oldest
        return jobs == 0, not trouble, not self.paused, waits_since, dead - jobs, self.name


@dataclass(frozen=True, slots=True)
class Survey:
    """Every queue, starting with the ones that need attention."""

    queues: Sequence[Glance]

    def names(self, at_most: int) -> list[str]:
        return [queue.name for queue in self.queues[:at_most]]

    def counts(self, start: int = 0) -> dict[State, int]:
        """Jobs of all queues from the `start`-th on, by state."""
        return {state: sum(queue.counts[state] for queue in self.queues[start:]) for state in COUNTED}


async def survey(scripts: Scripts, names: Sequence[str]) -> Survey:
    found: list[Glance] = []
    for start in range(0, len(names), BATCH):
        portion = names[start : start + BATCH]
        numbers: list[int] = await scripts.run("count_queues", list(portion))
        for place, name in enumerate(portion):
            *counts, paused, oldest = numbers[place * _WIDTH : (place + 1) * _WIDTH]
            found.append(
                Glance(
                    name,
                    dict(zip(COUNTED, counts, strict=True)),
                    paused == 1,
                    None if oldest < 0 else oldest,
                )
            )
    return Survey(sorted(found, key=Glance.attention))
