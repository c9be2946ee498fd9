"""Metrics of requests, for the whole process and per namespace."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator.metrics import Info

from service.api.metrics.replication_metrics import Outcome, Replicated
from service.api.metrics.request_counts import Key, Payloads, RefusedCredentials, Requests, sum_of

#: The most namespaces with their own metrics: tokens may name any number of them.
MAX_NAMESPACES = 200
#: What a process counts outside these namespaces; not a valid name of one.
_ELSEWHERE = ""
_NO_PARTS: Mapping[str, "RequestMetrics"] = {}
#: Dumped counts by namespace.
Dump = dict[str, list[Any]]


class RequestMetrics:
    """The metrics of a scrape, including its `parts`."""

    def __init__(self, parts: Mapping[str, "RequestMetrics"] = _NO_PARTS) -> None:
        self._parts = parts
        self.requests = Requests()
        self.payloads = Payloads()
        self.credentials_refused = RefusedCredentials()
        self.replicated = Replicated()
        self.registry = CollectorRegistry()
        self.registry.register(_Whole(self._all_requests))
        self.registry.register(_Whole(self._all_payloads))
        self.registry.register(_Whole(self._all_replicated))
        # Not added up: a refused request counts here and in the API's namespace.
        self.registry.register(_Whole(lambda: self.credentials_refused))

    def _all_requests(self) -> Requests:
        return sum_of(Requests(), [self.requests, *(part.requests for part in self._parts.values())])

    def _all_payloads(self) -> Payloads:
        return sum_of(Payloads(), [self.payloads, *(part.payloads for part in self._parts.values())])

    def _all_replicated(self) -> Replicated:
        return sum_of(Replicated(), [self.replicated, *(part.replicated for part in self._parts.values())])

    def absorb(self, other: "RequestMetrics") -> None:
        """Add the counts of another one, which is then discarded."""
        self.requests += other.requests
        self.payloads += other.payloads
        self.replicated += other.replicated

    def dump_and_reset(self) -> list[Any]:
        """Return what was counted since the last call, and count from 0 again."""
        counts = (self.requests, self.payloads, self.credentials_refused, self.replicated)
        dumped = [count.dump() for count in counts]
        self.requests, self.payloads = Requests(), Payloads()
        self.credentials_refused, self.replicated = RefusedCredentials(), Replicated()
        return dumped

    def add(self, dumped: list[Any]) -> None:
        requests, payloads, refused, replicated = dumped
        self.requests += Requests.load(requests)
        self.payloads += Payloads.load(payloads)
        self.credentials_refused += RefusedCredentials.load(refused)
        self.replicated += Replicated.load(replicated)


class _Whole(Collector):
    """Adds up the parts when it is scraped."""

    def __init__(self, add_up: Callable[[], Collector]) -> None:
        self._add_up = add_up

    def collect(self) -> Iterable[Metric]:
        return self._add_up().collect()


class HttpMetrics:
    """Counts per process and per namespace: a scrape with a key sees only the requests of its namespace.

    Requests without a known caller count toward the API's namespace.
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self._by_namespace: dict[str, RequestMetrics] = {}
        self.process = RequestMetrics(self._by_namespace)

    def observe(self, info: Info) -> None:
        """Count a request after its response, in the namespace of its state."""
        namespace: str | None = info.request.scope.get("state", {}).get("namespace")
        key = (info.method, info.modified_status, info.modified_handler)
        received = int(info.request.headers.get("content-length", 0))
        sent = 0 if info.response is None else int(info.response.headers.get("content-length", 0))
        # The duration of an event stream is not a latency.
        self.count(namespace, key, received, sent, info.modified_duration_without_streaming)

    def count(self, namespace: str | None, key: Key, received: int, sent: int, seconds: float) -> None:
        """Count one request; see Requests.add."""
        metrics = self.of(self._home if namespace is None else namespace) or self.process
        metrics.requests.add(key, received, sent, seconds)

    def refused(self, reason: str) -> None:
        """Count a request whose namespace is unknown."""
        for metrics in (self.process, self.of(self._home)):
            if metrics is not None:
                metrics.credentials_refused.add(reason)

    def payload(self, namespace: str, size: int) -> None:
        (self.of(namespace) or self.process).payloads.add(size)

    def replicated(self, namespace: str, outcome: Outcome) -> None:
        """Count a submission that asked for a replica."""
        (self.of(namespace) or self.process).replicated.add(outcome)

    def of(self, namespace: str) -> RequestMetrics | None:
        """None beyond MAX_NAMESPACES, which count only for the process."""
        found = self._by_namespace.get(namespace)
        if found is None and (namespace == self._home or len(self._by_namespace) < MAX_NAMESPACES):
            found = self._by_namespace[namespace] = RequestMetrics()
        return found

    def forget(self, namespace: str) -> None:
        if namespace != self._home and namespace in self._by_namespace:
            self.process.absorb(self._by_namespace.pop(namespace))

    async def page(self, namespace: str | None) -> bytes:
        """The metrics of a namespace's requests, or with None of all requests."""
        metrics = self.process if namespace is None else self.of(namespace)
        return b"" if metrics is None else generate_latest(metrics.registry)

    def dump_and_reset(self) -> Dump:
        """Return what was counted since the last call, and count from 0 again."""
        dumped = {name: metrics.dump_and_reset() for name, metrics in self._by_namespace.items()}
        self._by_namespace.clear()
        return {_ELSEWHERE: self.process.dump_and_reset(), **dumped}

    def add(self, dumped: Dump) -> None:
        """Add the dump of another process."""
        for name, counts in dumped.items():
            metrics = self.process if name == _ELSEWHERE else self.of(name)
            if metrics is not None:
                metrics.add(counts)
            else:
                rest = RequestMetrics()
                rest.add(counts)
                self.process.absorb(rest)
