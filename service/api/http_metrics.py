"""Metrics of requests, for the whole process and per namespace."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_fastapi_instrumentator.metrics import Info, default

#: The most namespaces with their own metrics: tokens may name any number of them.
MAX_NAMESPACES = 200
#: In seconds; requests that wait for a job take up to 30.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PAYLOAD_BUCKETS = (64, 256, 1024, 4096, 16_384, 65_536, 262_144)


@dataclass
class RequestMetrics:
    """The metrics of prometheus-fastapi-instrumentator, and additional ones."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    observe: Callable[[Info], None] = field(init=False)
    payload_bytes: Histogram = field(init=False)
    credentials_refused: Counter = field(init=False)

    def __post_init__(self) -> None:
        observe = default(
            latency_lowr_buckets=LATENCY_BUCKETS,
            # The duration of an event stream is not a latency.
            should_exclude_streaming_duration=True,
            registry=self.registry,
        )
        assert observe is not None, "the registry is new"
        self.observe = observe
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
    """Counts per process and per namespace: a scrape with a key sees only the requests of its namespace.

    Requests without a known caller count toward the API's namespace.
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self.process = RequestMetrics()
        self._by_namespace: dict[str, RequestMetrics] = {}

    def observe(self, info: Info) -> None:
        """Count a request after its response, in the namespace of its state."""
        self.process.observe(info)
        mine = self.of(info.request.scope.get("state", {}).get("namespace", self._home))
        if mine is not None:
            mine.observe(info)

    def refused(self, reason: str) -> None:
        """Count a request whose namespace is unknown."""
        for metrics in (self.process, self.of(self._home)):
            if metrics is not None:
                metrics.credentials_refused.labels(reason).inc()

    def payload(self, namespace: str, size: int) -> None:
        self.process.payload_bytes.observe(size)
        mine = self.of(namespace)
        if mine is not None:
            mine.payload_bytes.observe(size)

    def of(self, namespace: str) -> RequestMetrics | None:
        """None beyond MAX_NAMESPACES, which count only for the process."""
        found = self._by_namespace.get(namespace)
        if found is None and (namespace == self._home or len(self._by_namespace) < MAX_NAMESPACES):
            found = self._by_namespace[namespace] = RequestMetrics()
        return found

    def forget(self, namespace: str) -> None:
        if namespace != self._home:
            self._by_namespace.pop(namespace, None)
