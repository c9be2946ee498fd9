"""Counts requests and payloads cheaply, and derives their metrics when they are scraped.

`dump` and `load` carry counts from one process to another as JSON.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from itertools import accumulate
from typing import Any, Self, TypeVar

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator.metrics import default

from service.api.metrics.replication_metrics import Replicated

#: In seconds; requests that wait for a job take up to 30.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FINE_BUCKETS: Sequence[float] = signature(default).parameters["latency_highr_buckets"].default
_PAYLOAD_BUCKETS: Sequence[float] = (64, 256, 1024, 4096, 16_384, 65_536, 262_144)
#: The bounds of both histograms, so that one search serves both.
_BOUNDS = sorted({*LATENCY_BUCKETS, *_FINE_BUCKETS})

_NAMES = {
    "http_requests": ("counter", "Total number of requests by method, status and handler."),
    "http_request_size_bytes": (
        "summary",
        "Content length of incoming requests by handler. Only value of header is respected. Otherwise "
        "ignored. No percentile calculated. ",
    ),
    "http_response_size_bytes": (
        "summary",
        "Content length of outgoing responses by handler. Only value of header is respected. Otherwise "
        "ignored. No percentile calculated. ",
    ),
    "http_request_duration_highr_seconds": (
        "histogram",
        "Latency with many buckets but no API specific labels. Made for more accurate percentile "
        "calculations. ",
    ),
    "http_request_duration_seconds": (
        "histogram",
        "Latency with only few buckets by handler. Made to be only used if aggregation by handler is "
        "important. ",
    ),
}


#: Method, class of the status, and template of the path.
Key = tuple[str, str, str]


class _Row:
    """Counts for one method, status class and path template."""

    __slots__ = ("buckets", "created", "received", "requests", "seconds", "sent")

    def __init__(self, created: float) -> None:
        self.created = created
        self.requests = self.received = self.sent = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(_BOUNDS) + 1)

    def dump(self) -> list[Any]:
        return [self.created, self.requests, self.received, self.sent, self.seconds, self.buckets]

    @classmethod
    def load(cls, dumped: list[Any]) -> Self:
        row = cls(dumped[0])
        row.requests, row.received, row.sent, row.seconds, row.buckets = dumped[1:]
        return row

    def __iadd__(self, other: "_Row") -> "_Row":
        self.created = min(self.created, other.created)
        self.requests += other.requests
        self.received += other.received
        self.sent += other.sent
        self.seconds += other.seconds
        self.buckets = [mine + more for mine, more in zip(self.buckets, other.buckets, strict=True)]
        return self


class Requests(Collector):
    """The five metrics of prometheus-fastapi-instrumentator's `default`, counted in one step per request.

    The original takes 8 us per registry, a tenth of a submission's CPU.
    """

    def __init__(self) -> None:
        self.created = time.time()
        self._rows: dict[Key, _Row] = {}

    def add(self, key: Key, received: int, sent: int, seconds: float) -> None:
        """Count a request; sizes are the Content-Length headers."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(time.time())
        row.requests += 1
        row.received += received
        row.sent += sent
        row.seconds += seconds
        row.buckets[bisect_left(_BOUNDS, seconds)] += 1

    def dump(self) -> list[Any]:
        return [[*key, *row.dump()] for key, row in self._rows.items()]

    @classmethod
    def load(cls, dumped: list[Any]) -> Self:
        requests = cls()
        for method, status, handler, *row in dumped:
            requests._rows[method, status, handler] = _Row.load(row)
        return requests

    def __iadd__(self, other: "Requests") -> "Requests":
        for key, row in other._rows.items():
            mine = self._rows.setdefault(key, _Row(row.created))
            mine += row
        return self

    def collect(self) -> Iterable[Metric]:
        families = {name: Metric(name, text, type) for name, (type, text) in _NAMES.items()}
        every = _Row(self.created)
        by_handler: defaultdict[str, _Row] = defaultdict(lambda: _Row(float("inf")))
        by_method: defaultdict[tuple[str, str], _Row] = defaultdict(lambda: _Row(float("inf")))
        total = families["http_requests"]
        for (method, status, handler), row in self._rows.items():
            labels = {"method": method, "status": status, "handler": handler}
            total.add_sample("http_requests_total", labels, float(row.requests))
            total.add_sample("http_requests_created", labels, row.created)
            for sum_ in (every, by_handler[handler], by_method[method, handler]):
                sum_ += row
        for handler, row in by_handler.items():
            _summarize(families["http_request_size_bytes"], {"handler": handler}, row, row.received)
            _summarize(families["http_response_size_bytes"], {"handler": handler}, row, row.sent)
        _distribute(families["http_request_duration_highr_seconds"], {}, every, _FINE_BUCKETS)
        for (method, handler), row in by_method.items():
            labels = {"method": method, "handler": handler}
            _distribute(families["http_request_duration_seconds"], labels, row, LATENCY_BUCKETS)
        return families.values()


class Payloads(Collector):
    """The sizes of payloads."""

    def __init__(self) -> None:
        self.created = time.time()
        self._sum = 0
        self._buckets = [0] * (len(_PAYLOAD_BUCKETS) + 1)

    def add(self, size: int) -> None:
        self._sum += size
        self._buckets[bisect_left(_PAYLOAD_BUCKETS, size)] += 1

    def dump(self) -> list[Any]:
        return [self._sum, self._buckets]

    @classmethod
    def load(cls, dumped: list[Any]) -> Self:
        payloads = cls()
        payloads._sum, payloads._buckets = dumped
        return payloads

    def __iadd__(self, other: "Payloads") -> "Payloads":
        self._sum += other._sum
        self._buckets = [mine + more for mine, more in zip(self._buckets, other._buckets, strict=True)]
        return self

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(
            "triage_payload_bytes", "Size of submitted payloads in bytes.", labels=()
        )
        below, number = (
            dict(zip(_PAYLOAD_BUCKETS, accumulate(self._buckets), strict=False)),
            sum(self._buckets),
        )
        _add_buckets(family, {}, below, number)
        _add_end(family, {}, number, self._sum, self.created)
        return [family]


class RefusedCredentials(Collector):
    """The API keys and tokens that were rejected."""

    REASONS: tuple[str, ...] = ("invalid", "throttled")

    def __init__(self) -> None:
        self.created = time.time()
        self.by_reason: dict[str, int] = dict.fromkeys(self.REASONS, 0)

    def add(self, reason: str) -> None:
        self.by_reason[reason] += 1

    def dump(self) -> dict[str, int]:
        return self.by_reason

    @classmethod
    def load(cls, dumped: dict[str, int]) -> Self:
        refused = cls()
        refused.by_reason.update(dumped)
        return refused

    def __iadd__(self, other: "RefusedCredentials") -> "RefusedCredentials":
        for reason, number in other.by_reason.items():
            self.by_reason[reason] += number
        return self

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "triage_credentials_refused",
            "Rejected API keys and tokens: invalid ones, and all from an address with too many failures.",
            labels=("reason",),
        )
        for reason, number in self.by_reason.items():
            family.add_metric((reason,), number, created=self.created)
        return [family]


Counts = TypeVar("Counts", Requests, Payloads, Replicated)


def sum_of(start: Counts, parts: Sequence[Counts]) -> Counts:
    """`start` plus all parts, with the creation time of the first."""
    start.created = parts[0].created
    for part in parts:
        start += part
    return start


def _summarize(family: Metric, labels: dict[str, str], row: _Row, size: int) -> None:
    _add_end(family, labels, row.requests, size, row.created)


def _distribute(family: Metric, labels: dict[str, str], row: _Row, buckets: Sequence[float]) -> None:
    below = dict(zip(_BOUNDS, accumulate(row.buckets), strict=False))
    _add_buckets(family, labels, {bound: below[bound] for bound in buckets}, row.requests)
    _add_end(family, labels, row.requests, row.seconds, row.created)


def _add_buckets(family: Metric, labels: dict[str, str], below: Mapping[float, int], all: int) -> None:
    for bound, number in below.items():
        family.add_sample(f"{family.name}_bucket", {**labels, "le": str(float(bound))}, float(number))
    family.add_sample(f"{family.name}_bucket", {**labels, "le": "+Inf"}, float(all))


def _add_end(family: Metric, labels: dict[str, str], count: int, sum: float, created: float) -> None:
    family.add_sample(f"{family.name}_count", labels, float(count))
    family.add_sample(f"{family.name}_sum", labels, float(sum))
    family.add_sample(f"{family.name}_created", labels, created)
