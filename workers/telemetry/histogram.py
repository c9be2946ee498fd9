"""Prometheus metrics in which recording a value costs little, and whose values the history reads."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from service.domain.stats import BOUNDS

#: In seconds, from 1 ms to 1 h. BOUNDS has these and more.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

_NAMES = [*map(floatToGoString, BUCKETS), "+Inf"]
#: How many buckets of BOUNDS each of BUCKETS includes.
_PLACES = [*(BOUNDS.index(bound) for bound in BUCKETS), len(BOUNDS)]


class Tally:
    """The values of one series. Only used in the event loop's thread, so it needs no lock."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        #: By bucket of BOUNDS.
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds


class TallyHistogram(Collector):
    """Series by labels. prometheus_client's histogram took a tenth of a worker's time in a profile."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._labelnames = tuple(labels)
        self._tallies: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def labels(self, *values: str) -> Tally:
        return self._tallies.setdefault(values, Tally())

    def forget(self, first: str) -> None:
        """Remove the series with this value of the first label."""
        for values in [values for values in self._tallies if values[0] == first]:
            del self._tallies[values]

    def describe(self) -> Iterable[Metric]:
        """The metric without values, with which the registry checks its name."""
        yield HistogramMetricFamily(self._name, self._text, labels=self._labelnames)

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labelnames)
        for values, tally in self._tallies.items():
            sums = list(accumulate(tally.counts))
            buckets = [(name, sums[place]) for name, place in zip(_NAMES, _PLACES, strict=True)]
            family.add_metric(values, buckets, tally.sum)
        yield family


class OutcomeCounter(Collector):
    """Counts by labels and outcome. prometheus_client's counter takes a lock for each increment."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        """`name` has no `_total`; the last of `labels` is the outcome."""
        self._name = name
        self._text = text
        self._labelnames = tuple(labels)
        self._counts: dict[tuple[str, ...], dict[str, int]] = {}
        registry.register(self)

    def labels(self, *values: str, outcomes: Iterable[str]) -> dict[str, int]:
        """The count of each outcome, to increment; every outcome is exposed from the start."""
        return self._counts.setdefault(values, dict.fromkeys(outcomes, 0))

    def forget(self, first: str) -> None:
        """Remove the series with this value of the first label."""
        for values in [values for values in self._counts if values[0] == first]:
            del self._counts[values]

    def describe(self) -> Iterable[Metric]:
        """The metric without values, with which the registry checks its name."""
        yield CounterMetricFamily(self._name, self._text, labels=self._labelnames)

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labelnames)
        for values, counts in self._counts.items():
            for outcome, count in counts.items():
                family.add_metric([*values, outcome], count)
        yield family
