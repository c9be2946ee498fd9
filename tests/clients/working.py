"""Runs jobs of the type `work` as a worker does."""

from collections.abc import Callable

from service.domain.job import Job
from service.domain.outcome import Outcome
from service.store.namespace import Namespace
from tests.support.factories import OK, claim, finish


def succeed(job: Job) -> Outcome:
    return OK


async def work(store: Namespace, outcome: Callable[[Job], Outcome] = succeed) -> int:
    """Run what is queued, and what becomes queued thereby; returns the number of runs."""
    runs = 0
    while leases := (await claim(store, slots=100)).leases:
        for lease in leases:
            await finish(store, lease, outcome(lease.job))
        runs += len(leases)
    return runs
