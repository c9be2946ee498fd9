"""Builds the store objects of one namespace."""

from dataclasses import dataclass

from redis.asyncio import Redis

from service.domain.group_tasks import STAGED_MS
from service.store.audit.audits import Audits
from service.store.bulk.bulk_actions import BulkActions
from service.store.bulk.job_selection import JobSelection
from service.store.bulk.portions import BulkBatches
from service.store.changes.change_feed import ChangeFeed
from service.store.changes.event_log import EventLog
from service.store.changes.subscriber import Subscriber
from service.store.dead_letter_groups import DeadLetterGroups
from service.store.explanations import Explanations
from service.store.groups.dependencies import Dependencies
from service.store.groups.fan_outs import FanOuts
from service.store.groups.flows import Flows
from service.store.groups.group_jobs import GroupJobs
from service.store.groups.groups import Groups
from service.store.groups.tasks import GroupTasks
from service.store.jobs import Jobs
from service.store.leases import Leases
from service.store.limiters import Limiters
from service.store.queries import Queries
from service.store.queues.queue_metrics import QueueMetrics
from service.store.queues.queues import Queues
from service.store.redis.replication import Replication
from service.store.redis.scripts import MAX_QUEUES, Scripts
from service.store.schedules import Schedules
from service.store.stats.history import History
from service.store.stats.recorder import Recorder
from service.store.webhooks.endpoints import Webhooks
from service.store.webhooks.outbox import Outbox
from service.store.workers import WorkerRegistry


@dataclass(frozen=True, slots=True)
class DueWork:
    """What there is to do in a namespace."""

    #: Seconds until something may happen without a new request; 0 = something happens now, None = no job and
    #: no schedule waits.
    rest: float | None
    #: Tasks of flows and fan-outs.
    tasks: bool
    #: A portion of a bulk action, or the deletion of its record.
    bulk_actions: bool
    #: The deletion of groups, or the end of abandoned ones.
    groups: bool


class Namespace:
    """`dead_retention_ms`: dead jobs are kept at least this long, even with a shorter retention.

    `subscriber`: shared by the namespaces of a process.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str,
        dead_retention_ms: int,
        subscriber: Subscriber | None = None,
        max_queues: int = MAX_QUEUES,
    ) -> None:
        self.scripts = Scripts(redis, namespace, max_queues)
        self.replication = Replication(self.scripts)
        self.queries = Queries(self.scripts)
        self.jobs = Jobs(self.scripts, self.queries)
        self.leases = Leases(self.scripts, dead_retention_ms)
        self.limiters = Limiters(self.scripts)
        self.workers = WorkerRegistry(self.scripts, self.queries)
        self.queues = Queues(self.scripts, self.jobs, self.queries, self.workers)
        self.queue_metrics = QueueMetrics(self.scripts, self.queries, self.workers)
        self.explanations = Explanations(self.scripts, self.workers)
        self.dead_letter_groups = DeadLetterGroups(self.scripts)
        self.groups = Groups(self.scripts, self.queries)
        self.group_jobs = GroupJobs(self.queries, self.groups)
        self.flows = Flows(self.scripts, self.queries, self.groups)
        self.fan_outs = FanOuts(self.scripts, self.queries, self.groups)
        self.dependencies = Dependencies(self.scripts, self.queries, self.groups, self.flows)
        self.group_tasks = GroupTasks(self.scripts, self.queries, self.jobs, self.groups, self.flows)
        selection = JobSelection(self.queries, self.groups, self.group_jobs)
        self.bulk_actions = BulkActions(self.scripts, self.queries, selection)
        self.bulk_batches = BulkBatches(self.scripts, self.jobs, selection)
        self.schedules = Schedules(self.scripts, self.jobs, self.queries)
        self.webhooks = Webhooks(self.scripts, self.queries)
        self.outbox = Outbox(self.scripts, self.queries)
        self.stats = History(self.scripts, self.queries)
        self.stats_recorder = Recorder(self.scripts, self.queries)
        self.audits = Audits(self.scripts, self.queries, dead_retention_ms)
        self.change_feed = ChangeFeed(self.scripts, subscriber)
        self.event_log = EventLog(self.scripts, self.change_feed)

    async def api_heartbeat(self, lease_ms: int, away_ms: int = 0) -> DueWork:
        """Record that Redis is reachable and wake workers for queued jobs.

        Call it several times per lease while something happens. `away_ms`: how long this process could
        not reach Redis before this call.
        """
        reply = await self.scripts.run("api_heartbeat", [lease_ms, away_ms])
        rest_ms, tasks, bulk_actions, groups, staged_ms = reply
        return DueWork(
            rest=None if rest_ms < 0 else rest_ms / 1000,
            tasks=tasks > 0,
            bulk_actions=bool(bulk_actions),
            groups=bool(groups) or staged_ms >= STAGED_MS,
        )
