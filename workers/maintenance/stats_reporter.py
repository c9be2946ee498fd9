"""Reports what this worker has counted to the history, every few seconds.

The counts are the differences of the metrics since the last report, so that runs cost nothing more. A worker
that is killed loses what it has counted since; the recorder corrects the number of a queue's succeeded jobs.
"""

from collections.abc import Mapping, Sequence

from service.clock import Clock
from service.domain.stats import COUNTED, MINUTE_MS
from service.store.stats.recorder import Recorder
from workers.telemetry.metrics import Metrics, Series

#: The longest interval between reports, in seconds. One also follows the end of each minute.
INTERVAL = 5.0
#: How long after the end of a minute, in seconds: what arrives within a second belongs to that minute.
AFTER_MINUTE = 0.1
#: Counts per call: a script blocks all other calls.
BATCH = 500

_STARTED, _SUCCEEDED, _FAILED = (COUNTED.index(name) for name in ("started", "succeeded", "failed"))
#: The values of a series: its buckets of waits, its buckets of runs, succeeded, failed.
_Values = tuple[Sequence[int], Sequence[int], int, int]


class StatsReporter:
    """Remembers what Redis has, so that each report adds only the difference."""

    def __init__(self, metrics: Metrics, recorder: Recorder, clock: Clock, worker_id: str) -> None:
        self._clock = clock
        self._metrics = metrics
        self._recorder = recorder
        self._worker_id = worker_id
        self._reported: dict[tuple[str, str], _Values] = {}
        self._number = 0
        #: Reports without a reply so far; repeating one is safe.
        self._pending: list[tuple[int, Mapping[str, int]]] = []
        #: What to add to the monotonic clock, in ms, to get Redis' time.
        self._offset = 0.0

    async def report(self) -> float:
        """Report what is new; returns the seconds until the next report."""
        counts = list(self._new_counts().items())
        for start in range(0, len(counts), BATCH):
            self._number += 1
            self._pending.append((self._number, dict(counts[start : start + BATCH])))
        while self._pending:
            number, some = self._pending[0]
            now = await self._recorder.add(self._worker_id, number, some)
            del self._pending[0]
            self._offset = now - self._clock.monotonic() * 1000
        passed = (self._clock.monotonic() * 1000 + self._offset) % MINUTE_MS
        return min(INTERVAL, (MINUTE_MS - passed) / 1000 + AFTER_MINUTE)

    def _new_counts(self) -> dict[str, int]:
        """By `q|<queue>|<column>` and `t|<job type>|<column>`."""
        counts: dict[str, int] = {}
        for (queue, name), series in list(self._metrics.series.items()):
            values, before = _values(series), self._reported.get((queue, name))
            if values == before:
                continue
            self._reported[(queue, name)] = values
            new = _columns(values, before or ([0] * len(values[0]), [0] * len(values[1]), 0, 0))
            for column, count in new.items():
                for field in (f"q|{queue}|{column}", f"t|{name}|{column}"):
                    counts[field] = counts.get(field, 0) + count
        return counts


def _values(series: Series) -> _Values:
    finished = series.finished
    return (
        list(series.wait.counts),
        list(series.run.counts),
        finished["succeeded"],
        finished["retried"] + finished["dead"],
    )


def _columns(values: _Values, before: _Values) -> dict[str, int]:
    waits, runs, succeeded, failed = values
    columns = {f"w{bucket}": more - less for bucket, (more, less) in _pairs(waits, before[0])}
    columns |= {f"r{bucket}": more - less for bucket, (more, less) in _pairs(runs, before[1])}
    columns[str(_STARTED)] = sum(waits) - sum(before[0])
    columns[str(_SUCCEEDED)], columns[str(_FAILED)] = succeeded - before[2], failed - before[3]
    return {column: count for column, count in columns.items() if count}


def _pairs(more: Sequence[int], less: Sequence[int]) -> enumerate[tuple[int, int]]:
    return enumerate(zip(more, less, strict=True))
