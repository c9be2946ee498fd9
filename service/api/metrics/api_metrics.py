"""The API's metrics other than those about HTTP."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.api.metrics.audit_metrics import read_audit
from service.api.metrics.http_metrics import HttpMetrics
from service.api.metrics.webhook_metrics import read_webhooks
from service.domain.errors import TriageError
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queue_metrics import QueueCount
from service.store.queues.queue_survey import Survey
from service.store.queues.queues import Queue
from service.store.redis.connect import RedisClient
from service.store.redis.server_info import eviction_policy, fewest_replicas

#: The most queues with their own metrics: clients can create any number.
MAX_QUEUES = 200
#: The label of all other queues; not a valid queue name.
OTHERS = "_others"

_LIVE = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.RUNNING, State.BLOCKED)


class RequestPages(Protocol):
    """The metrics of requests as text; see HttpMetrics.page."""

    async def page(self, namespace: str | None) -> bytes: ...


class ApiMetrics:
    """Every scrape reads Redis, and nothing is cached: stale numbers would look current."""

    def __init__(self, namespace: str) -> None:
        """`namespace` is the API's namespace."""
        self.http = HttpMetrics(namespace)
        #: Replaced where several processes serve one port, and another one adds up what they count.
        self.requests: RequestPages = self.http

    async def exposition(self, redis: RedisClient, namespace: Namespace, *, whole: bool) -> bytes:
        """The metrics page. While Redis is unavailable, `triage_redis_up` is 0 and its metrics are absent.

        `whole` includes requests of all namespaces.
        """
        try:
            policy = await eviction_policy(redis)
            families = [
                *redis_families(
                    up=True,
                    policy_ok=None if policy is None else policy == "noeviction",
                    replicas=await fewest_replicas(redis),
                ),
                *await _queue_families(namespace),
                *await read_webhooks(namespace),
                *await read_audit(namespace),
            ]
        except TriageError:
            families = redis_families(up=False)
        requests = await self.requests.page(None if whole else namespace.scripts.namespace)
        return requests + generate_latest(_Reading(families))


async def _queue_families(namespace: Namespace) -> list[Metric]:
    queues, survey = await namespace.queues.by_attention(MAX_QUEUES)
    names = [queue.name for queue in queues]
    counts = await namespace.queue_metrics.count(names)
    families = queue_families(queues, counts, omitted=len(survey.queues) - len(queues))
    if len(survey.queues) > len(queues):
        await _add_others(namespace, families, survey, names)
    return families


async def _add_others(
    namespace: Namespace, families: Sequence[Metric], survey: Survey, names: Sequence[str]
) -> None:
    """Add the remaining queues, so that sums are complete and the oldest job is always visible."""
    jobs, dead, oldest = families[:3]
    others = survey.counts(len(names))
    for state in _LIVE:
        jobs.add_sample(jobs.name, {"queue": OTHERS, "state": state}, others[state])
    for reason, number in (await namespace.queue_metrics.dead(names)).items():
        dead.add_sample(dead.name, {"queue": OTHERS, "reason": reason}, number)
    since = [queue.oldest for queue in survey.queues[len(names) :] if queue.oldest is not None]
    age = max(0, await namespace.queries.now() - min(since)) / 1000 if since else 0
    oldest.add_sample(oldest.name, {"queue": OTHERS}, age)


def redis_families(*, up: bool, policy_ok: bool | None = False, replicas: int | None = 0) -> list[Metric]:
    """`policy_ok` and `replicas`: None when the server hides them."""
    families: list[Metric] = [
        GaugeMetricFamily("triage_redis_up", "1 if Redis responded to this scrape, otherwise 0.", value=up)
    ]
    if up and policy_ok is not None:
        text = "1 if Redis has maxmemory-policy noeviction, otherwise 0: Redis may delete jobs."
        families.append(GaugeMetricFamily("triage_redis_policy_ok", text, value=policy_ok))
    if up and replicas is not None:
        text = "Connected replicas of Redis; in a cluster, of the master with the fewest."
        families.append(GaugeMetricFamily("triage_redis_replicas", text, value=replicas))
    return families


def queue_families(queues: Sequence[Queue], counts: dict[str, QueueCount], omitted: int) -> list[Metric]:
    jobs = GaugeMetricFamily("triage_queue_jobs", "Jobs in a queue by state.", labels=("queue", "state"))
    dead = GaugeMetricFamily(
        "triage_dlq_jobs", "Jobs in the dead-letter queue by reason.", labels=("queue", "reason")
    )
    oldest = _gauge(
        "triage_queue_oldest_seconds", "How long the oldest queued job has waited; 0 without one."
    )
    paused = _gauge("triage_queue_paused", "1 if the queue is paused, otherwise 0.")
    workers = _gauge("triage_queue_workers", "Live workers that serve the queue.")
    capacity = _gauge("triage_queue_capacity", "Total slots of these workers, across all their queues.")
    unroutable = _gauge(
        "triage_queue_stranded_types", "Job types with queued jobs that no live worker of the queue can run."
    )
    limited = CounterMetricFamily(
        "triage_rate_limited", "How often a rate limit held back a job of the queue.", labels=("queue",)
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
        unroutable.add_metric(label, count.unserved_types)
        limited.add_metric(label, count.rate_limited)
    return [
        jobs, dead, oldest, paused, workers, capacity, unroutable, limited,
        GaugeMetricFamily(
            "triage_queues_omitted",
            f"Queues beyond the {MAX_QUEUES} that need attention most, reported together as `{OTHERS}`.",
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
