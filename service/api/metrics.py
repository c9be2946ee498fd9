"""What the API measures beside the HTTP metrics of its instrumentator."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

from service.domain.states import State
from service.store.stores import Stores

#: Queues shown at most: names are the clients' to invent.
MAX_QUEUES = 200

_LIVE = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.RUNNING, State.BLOCKED)


class ApiMetrics:
    """Queue gauges are read from the indexes when they are scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        #: The HTTP metrics of prometheus-fastapi-instrumentator.
        self.http = CollectorRegistry()
        self.payload_bytes = Histogram(
            "triage_payload_bytes",
            "Size of submitted payloads.",
            buckets=(64, 256, 1024, 4096, 16_384, 65_536, 262_144),
            registry=self.registry,
        )
        self._jobs = Gauge(
            "triage_queue_jobs", "Jobs of a queue by state.", ("queue", "state"), registry=self.registry
        )
        self._oldest = Gauge(
            "triage_queue_oldest_seconds", "Age of the oldest queued job.", ("queue",), registry=self.registry
        )
        self._dead = Gauge(
            "triage_dlq_jobs", "Jobs in the dead-letter queue.", ("queue",), registry=self.registry
        )

    async def read(self, stores: Stores) -> None:
        """Raises BackendUnavailable: old numbers would look like new ones."""
        page = await stores.queues.list(MAX_QUEUES, None)
        for gauge in (self._jobs, self._oldest, self._dead):
            gauge.clear()
        for queue in page.items:
            for state in _LIVE:
                self._jobs.labels(queue.name, state).set(queue.counts[state])
            self._oldest.labels(queue.name).set((queue.oldest_queued_ms or 0) / 1000)
            self._dead.labels(queue.name).set(queue.counts[State.DEAD])
