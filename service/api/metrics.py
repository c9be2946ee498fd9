"""What the API measures beside the HTTP metrics of its instrumentator."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.domain.errors import TriageError
from service.domain.states import State
from service.store.census import QueueCount
from service.store.connect import RedisClient, eviction_policy
from service.store.queues import Queue
from service.store.stores import Stores

#: Queues shown at most: names are the clients' to invent.
MAX_QUEUES = 200
#: Seconds. Requests that wait for a job take up to 30.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_LIVE = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.RUNNING, State.BLOCKED)


class ApiMetrics:
    """What is Redis's to know is read for each scrape and kept by nobody: old numbers look like new ones."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        #: The HTTP metrics of prometheus-fastapi-instrumentator.
        self.http = CollectorRegistry()
        self.payload_bytes = Histogram(
            "triage_payload_bytes",
            "Size of submitted payloads in bytes.",
            buckets=(64, 256, 1024, 4096, 16_384, 65_536, 262_144),
            registry=self.registry,
        )

    async def exposition(self, redis: RedisClient, stores: Stores) -> bytes:
        """While Redis is away `triage_redis_up` is 0, and everything else that it would tell is absent."""
        try:
            policy = await eviction_policy(redis)
            page = await stores.queues.list(MAX_QUEUES, None)
            counts = await stores.census.count([queue.name for queue in page.items])
            names = await stores.queues.names() if page.next_cursor else page.items
            families = [
                *redis_families(up=True, policy_ok=policy == "noeviction"),
                *queue_families(page.items, counts, omitted=len(names) - len(page.items)),
            ]
        except TriageError:
            families = redis_families(up=False)
        return b"".join(generate_latest(source) for source in (self.http, self.registry, _Reading(families)))


def redis_families(*, up: bool, policy_ok: bool = False) -> list[Metric]:
    reachable = GaugeMetricFamily("triage_redis_up", "1 when Redis answered this scrape, else 0.", value=up)
    if not up:
        return [reachable]
    return [
        reachable,
        GaugeMetricFamily(
            "triage_redis_policy_ok",
            "1 when the maxmemory-policy of Redis is noeviction, else 0: it may delete jobs.",
            value=policy_ok,
        ),
    ]


def queue_families(queues: Sequence[Queue], counts: dict[str, QueueCount], omitted: int) -> list[Metric]:
    jobs = GaugeMetricFamily("triage_queue_jobs", "Jobs of a queue by state.", labels=("queue", "state"))
    dead = GaugeMetricFamily(
        "triage_dlq_jobs", "Jobs in the dead-letter queue by reason.", labels=("queue", "reason")
    )
    oldest = _gauge("triage_queue_oldest_seconds", "How long the oldest queued job waits; 0 without one.")
    paused = _gauge("triage_queue_paused", "1 when the queue is paused, else 0.")
    workers = _gauge("triage_queue_workers", "Live workers that serve the queue.")
    capacity = _gauge(
        "triage_queue_capacity", "Jobs that these workers run at a time, over all their queues."
    )
    stranded = _gauge(
        "triage_queue_stranded_types", "Job types with queued jobs that no live worker of the queue can run."
    )
    limited = CounterMetricFamily(
        "triage_rate_limited", "Times that a rate limit kept back a job of the queue.", labels=("queue",)
    )
    for queue in queues:
        count, label = counts[queue.name], (queue.name,)
        for state in _LIVE:
            jobs.add_metric((queue.name, state), queue.counts[state])
        for reason, number in count.dead.items():
            dead.add_metric((queue.name, reason), number)
        oldest.add_metric(label, (queue.oldest_queued_ms or 0) / 1000)
        paused.add_metric(label, queue.settings.paused)
        workers.add_metric(label, queue.workers)
        capacity.add_metric(label, queue.capacity)
        stranded.add_metric(label, count.stranded_types)
        limited.add_metric(label, count.rate_limited)
    return [
        jobs, dead, oldest, paused, workers, capacity, stranded, limited,
        GaugeMetricFamily(
            "triage_queues_omitted",
            f"Queues beyond the first {MAX_QUEUES} by name: they have no series of their own.",
            value=omitted,
        ),
    ]  # fmt: skip


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("queue",))


class _Reading(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
