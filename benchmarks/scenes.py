"""Namespaces with a backlog: few jobs, or a million with limits on every queue and key."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, RateLimit
from service.store.jobs import Submission
from service.store.namespace import Namespace

#: So high that no job waits: this measures the cost of checking limits.
LIMITS = {
    "max_concurrency": 5_000,
    "rate_limit": RateLimit(100_000, 1_000),
    "per_key": KeyLimits(50, RateLimit(100, 1_000)),
}
_numbers = count()


@dataclass(frozen=True)
class Scene:
    """A backlog, spread evenly over the queues and limit keys. Without keys there are no limits."""

    title: str
    jobs: int
    queues: int
    keys: int = 0

    async def set_up(self, namespace: Namespace) -> None:
        for queue in range(self.queues if self.keys else 0):
            await namespace.queues.configure(f"queue-{queue}", LIMITS)
        await self.add(namespace, self.jobs)

    async def add(self, namespace: Namespace, jobs: int) -> None:
        submissions = self._submissions(jobs)
        while batch := list(islice(submissions, 500)):
            await namespace.jobs.submit(batch)

    def _submissions(self, jobs: int) -> Iterator[Submission]:
        for number in islice(_numbers, jobs):
            key = f"key-{number % self.keys}" if self.keys else None
            spec = JobSpec(name="noop", queue=f"queue-{number % self.queues}", limit_key=key)
            yield Submission(f"job_{number:026d}", spec)
