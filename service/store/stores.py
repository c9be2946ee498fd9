"""All stores of one namespace, built together."""

from redis.asyncio import Redis

from service.store.bulk_actions import BulkActions
from service.store.bulk_keeper import BulkKeeper
from service.store.census import Census
from service.store.explanations import Explanations
from service.store.fan_outs import FanOuts
from service.store.flows import Flows
from service.store.group_keeper import GroupKeeper
from service.store.groups import Groups
from service.store.jobs import Jobs
from service.store.leases import Leases
from service.store.limiters import Limiters
from service.store.members import Members
from service.store.queries import Queries
from service.store.queues import Queues
from service.store.relations import Relations
from service.store.schedules import Schedules
from service.store.scripts import MAX_QUEUES, Scripts
from service.store.selection import Selection
from service.store.subscriber import Subscriber
from service.store.watches import Watches
from service.store.worker_registry import WorkerRegistry


class Stores:
    """`dead_retention_ms`: dead jobs are kept at least this long, whatever their own retention.

    `subscriber`: that of the process, where it has many namespaces.
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
        self.queries = Queries(self.scripts)
        self.jobs = Jobs(self.scripts, self.queries)
        self.leases = Leases(self.scripts, dead_retention_ms)
        self.limiters = Limiters(self.scripts)
        self.workers = WorkerRegistry(self.scripts, self.queries)
        self.queues = Queues(self.scripts, self.jobs, self.queries, self.workers)
        self.census = Census(self.scripts, self.queries, self.workers)
        self.explanations = Explanations(self.scripts, self.workers)
        self.groups = Groups(self.scripts, self.queries)
        self.members = Members(self.queries, self.groups)
        self.flows = Flows(self.scripts, self.queries, self.groups)
        self.fan_outs = FanOuts(self.scripts, self.queries, self.groups)
        self.relations = Relations(self.scripts, self.queries, self.groups, self.flows)
        self.keeper = GroupKeeper(self.scripts, self.queries, self.jobs, self.groups, self.flows)
        selection = Selection(self.queries, self.groups, self.members)
        self.bulk_actions = BulkActions(self.scripts, self.queries, selection)
        self.bulk_keeper = BulkKeeper(self.scripts, self.jobs, selection)
        self.schedules = Schedules(self.scripts, self.jobs, self.queries)
        self.watches = Watches(self.scripts, subscriber)

    async def pulse(self, lease_ms: int, away_ms: int = 0) -> None:
        """Prove that Redis is reachable and wake workers for what is queued, several times per lease.

        `away_ms`: for how long this process had not reached Redis before this call.
        """
        await self.scripts.run("api_heartbeat", [lease_ms, away_ms])
