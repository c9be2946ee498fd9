"""The rates of queues, and the age of their oldest queued jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.store.redis.scripts import Scripts

#: Rates are means over the last full intervals of ten seconds.
RATE_INTERVAL_MS = 10_000
RATE_INTERVALS = 6
#: The first jobs by creation that are checked for the one that has been queued longest.
OLDEST_SAMPLE = 20
#: Queues per script call: a script blocks all other calls.
BATCH = 50
_SECONDS = RATE_INTERVALS * RATE_INTERVAL_MS / 1000


@dataclass(frozen=True, slots=True)
class Activity:
    """Rates are jobs per second."""

    oldest_queued_ms: int | None
    enqueued: float
    finished: float
    failed: float


async def read_activity(scripts: Scripts, names: Sequence[str], now: int) -> list[Activity]:
    """The activity of each queue at a time, unix ms."""
    found: list[Activity] = []
    first = now // RATE_INTERVAL_MS - RATE_INTERVALS
    for start in range(0, len(names), BATCH):
        portion = names[start : start + BATCH]
        numbers: list[int] = await scripts.run(
            "queue_activity", [first, RATE_INTERVALS, OLDEST_SAMPLE, *portion]
        )
        for place in range(len(portion)):
            since, *sums = numbers[4 * place : 4 * place + 4]
            oldest = None if since < 0 else max(0, now - since)
            found.append(Activity(oldest, *(number / _SECONDS for number in sums)))
    return found
