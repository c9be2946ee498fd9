"""Metrics of requests, for the whole process and for each namespace's own scrapes."""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator.metrics import Info, default

#: Namespaces counted by themselves: tokens may name any number of them.
MAX_NAMESPACES = 200
#: Seconds. Requests that wait for a job take up to 30.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FINE_BUCKETS: Sequence[float] = signature(default).parameters["latency_highr_buckets"].default
_PAYLOAD_BUCKETS = (64, 256, 1024, 4096, 16_384, 65_536, 262_144)
#: The bounds of both histograms: one search finds the place of a request in either.
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


class _Row:
    """Requests that differ in size and duration only."""

    __slots__ = ("buckets", "created", "received", "requests", "seconds", "sent")

    def __init__(self, created: float) -> None:
        self.created = created
        self.requests = self.received = self.sent = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(_BOUNDS) + 1)

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

    Its own counts cost 8 us for each registry: a tenth of what a submission may take.
    """

    def __init__(self) -> None:
        self._created = time.time()
        self._rows: dict[tuple[str, str, str], _Row] = {}

    def add(self, key: tuple[str, str, str], received: int, sent: int, seconds: float) -> None:
        """`key`: method, class of the status, and template of the path; sizes as their headers say."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(time.time())
        row.requests += 1
        row.received += received
        row.sent += sent
        row.seconds += seconds
        row.buckets[bisect_left(_BOUNDS, seconds)] += 1

    def collect(self) -> Iterable[Metric]:
        families = {name: Metric(name, text, type) for name, (type, text) in _NAMES.items()}
        every = _Row(self._created)
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


def _summarize(family: Metric, labels: dict[str, str], row: _Row, size: int) -> None:
    family.add_sample(f"{family.name}_count", labels, float(row.requests))
    family.add_sample(f"{family.name}_sum", labels, float(size))
    family.add_sample(f"{family.name}_created", labels, row.created)


def _distribute(family: Metric, labels: dict[str, str], row: _Row, buckets: Sequence[float]) -> None:
    below = dict(zip([*_BOUNDS, float("inf")], accumulate(row.buckets), strict=True))
    for bound in (*buckets, float("inf")):
        shown = "+Inf" if bound == float("inf") else str(float(bound))
        family.add_sample(f"{family.name}_bucket", {**labels, "le": shown}, float(below[bound]))
    family.add_sample(f"{family.name}_count", labels, float(row.requests))
    family.add_sample(f"{family.name}_sum", labels, row.seconds)
    family.add_sample(f"{family.name}_created", labels, row.created)


@dataclass
class RequestMetrics:
    """What one scrape says of requests."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Requests = field(default_factory=Requests)
    payload_bytes: Histogram = field(init=False)
    credentials_refused: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.registry.register(self.requests)
        self.payload_bytes = Histogram(
            "triage_payload_bytes",
            "Size of submitted payloads in bytes.",
            buckets=_PAYLOAD_BUCKETS,
            registry=self.registry,
        )
        self.credentials_refused = Counter(
            "triage_credentials_refused",
            "Rejected API keys and tokens: invalid ones, and all from an address with too many failures.",
            ["reason"],
            registry=self.registry,
        )
        for reason in ("invalid", "throttled"):
            self.credentials_refused.labels(reason)


class HttpMetrics:
    """A scrape with a key sees only the requests of its namespace.

    Requests without a known caller count toward the API's namespace.
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self.process = RequestMetrics()
        self._by_namespace: dict[str, RequestMetrics] = {}

    def observe(self, info: Info) -> None:
        """After each request; its state says whose it was."""
        namespace: str | None = info.request.scope.get("state", {}).get("namespace")
        key = (info.method, info.modified_status, info.modified_handler)
        received = int(info.request.headers.get("content-length", 0))
        sent = 0 if info.response is None else int(info.response.headers.get("content-length", 0))
        # How long a client follows events says nothing of latency.
        self.count(namespace, key, received, sent, info.modified_duration_without_streaming)

    def count(
        self, namespace: str | None, key: tuple[str, str, str], received: int, sent: int, seconds: float
    ) -> None:
        """One request; see Requests.add."""
        self.process.requests.add(key, received, sent, seconds)
        mine = self.of(self._home if namespace is None else namespace)
        if mine is not None:
            mine.requests.add(key, received, sent, seconds)

    def refused(self, reason: str) -> None:
        """For requests whose namespace is unknown."""
        for metrics in (self.process, self.of(self._home)):
            if metrics is not None:
                metrics.credentials_refused.labels(reason).inc()

    def payload(self, namespace: str, size: int) -> None:
        self.process.payload_bytes.observe(size)
        mine = self.of(namespace)
        if mine is not None:
            mine.payload_bytes.observe(size)

    def of(self, namespace: str) -> RequestMetrics | None:
        """None for one beyond MAX_NAMESPACES, which only the page of the process counts."""
        found = self._by_namespace.get(namespace)
        if found is None and (namespace == self._home or len(self._by_namespace) < MAX_NAMESPACES):
            found = self._by_namespace[namespace] = RequestMetrics()
        return found

    def forget(self, namespace: str) -> None:
        if namespace != self._home:
            self._by_namespace.pop(namespace, None)
