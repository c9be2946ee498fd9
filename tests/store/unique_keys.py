"""Jobs with a unique key, the holder of the key, and every way in which they end."""

from collections.abc import Awaitable, Callable
from typing import Any

from service.domain.job import Job
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Crashed, Failure
from service.domain.results import Submitted
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import HOPELESS, OK, QUICK, claim, finish, new_id

LEASE = 15_000


def at(stores: Namespace, ms: int) -> None:
    stores.scripts.now = str(START + ms)


def spec(on_conflict: Any = "reject", until: Any = "finished", **fields: Any) -> JobSpec:
    given: Any = {"name": "work", "retry": QUICK, **fields}
    return JobSpec(unique=Unique("k", until, on_conflict), **given)


async def send(
    stores: Namespace, on_conflict: Any = "reject", until: Any = "finished", **fields: Any
) -> Submitted:
    return (await stores.jobs.submit([Submission(new_id(), spec(on_conflict, until, **fields))]))[0]


async def job(stores: Namespace, id: str) -> Job:
    found = await stores.queries.job(id)
    assert found is not None
    return found


async def holder(stores: Namespace, queue: str = "default") -> str | None:
    """The holder of the key, as a further submission reports it."""
    answer = await send(stores, queue=queue)
    if answer.result == "created":
        await stores.jobs.cancel([answer.job_id], 0)
        return None
    assert answer.result == "conflict"
    return answer.job_id


# Ways in which a job ends, is forgotten, or returns to waiting.


async def _cancel(stores: Namespace, id: str) -> None:
    await stores.jobs.cancel([id], 0)


async def _run(stores: Namespace, *outcomes: Any) -> None:
    for outcome in outcomes:
        await finish(stores, (await claim(stores)).leases[0], outcome)


async def _cancel_running(stores: Namespace, id: str) -> None:
    lease = (await claim(stores)).leases[0]
    await stores.jobs.cancel([id], 60_000)
    assert await holder(stores) == id
    await finish(stores, lease, OK)


async def _force_cancel(stores: Namespace, id: str) -> None:
    await claim(stores)
    await stores.jobs.cancel([id], 0)
    assert await holder(stores) == id
    await stores.leases.expire_jobs()


async def _die_of_crashes(stores: Namespace, id: str) -> None:
    for _ in range(3):
        lease = (await claim(stores)).leases[0]
        assert await finish(stores, lease, Crashed(Failure("SubprocessDied", "signal 9"))) == "moved"


async def _purge(stores: Namespace, id: str) -> None:
    assert await stores.queues.purge("default") == 1


async def _expire(stores: Namespace, id: str) -> None:
    at(stores, 60_000)
    await stores.leases.expire_jobs()


async def _expire_in_claim(stores: Namespace, id: str) -> None:
    at(stores, 60_000)
    assert (await claim(stores)).leases == []


ENDS: dict[str, Callable[[Namespace, str], Awaitable[None]]] = {
    "success": lambda stores, _: _run(stores, OK),
    "death": lambda stores, _: _run(stores, HOPELESS),
    "cancel": _cancel,
    "cancel of a running job": _cancel_running,
    "forced cancel": _force_cancel,
    "poison": _die_of_crashes,
    "purge": _purge,
    "expiry": _expire,
    "expiry seen by a claim": _expire_in_claim,
}
