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


def at(store: Namespace, ms: int) -> None:
    store.scripts.now = str(START + ms)


def spec(on_conflict: Any = "reject", until: Any = "finished", **fields: Any) -> JobSpec:
    given: Any = {"name": "work", "retry": QUICK, **fields}
    return JobSpec(unique=Unique("k", until, on_conflict), **given)


async def send(
    store: Namespace, on_conflict: Any = "reject", until: Any = "finished", **fields: Any
) -> Submitted:
    return (await store.jobs.submit([Submission(new_id(), spec(on_conflict, until, **fields))]))[0]


async def job(store: Namespace, id: str) -> Job:
    found = await store.queries.job(id)
    assert found is not None
    return found


async def holder(store: Namespace, queue: str = "default") -> str | None:
    """The holder of the key, as a further submission reports it."""
    response = await send(store, queue=queue)
    if response.result == "created":
        await store.jobs.cancel([response.job_id], 0)
        return None
    assert response.result == "conflict"
    return response.job_id


# Ways in which a job ends, is forgotten, or returns to waiting.


async def _cancel(store: Namespace, id: str) -> None:
    await store.jobs.cancel([id], 0)


async def _run(store: Namespace, *outcomes: Any) -> None:
    for outcome in outcomes:
        await finish(store, (await claim(store)).leases[0], outcome)


async def _cancel_running(store: Namespace, id: str) -> None:
    lease = (await claim(store)).leases[0]
    await store.jobs.cancel([id], 60_000)
    assert await holder(store) == id
    await finish(store, lease, OK)


async def _force_cancel(store: Namespace, id: str) -> None:
    await claim(store)
    await store.jobs.cancel([id], 0)
    assert await holder(store) == id
    await store.leases.expire_jobs()


async def _die_of_crashes(store: Namespace, id: str) -> None:
    for _ in range(3):
        lease = (await claim(store)).leases[0]
        assert await finish(store, lease, Crashed(Failure("SubprocessDied", "signal 9"))) == "moved"


async def _purge(store: Namespace, id: str) -> None:
    assert await store.queues.purge("default") == 1


async def _expire(store: Namespace, id: str) -> None:
    at(store, 60_000)
    await store.leases.expire_jobs()


async def _expire_in_claim(store: Namespace, id: str) -> None:
    at(store, 60_000)
    assert (await claim(store)).leases == []


ENDS: dict[str, Callable[[Namespace, str], Awaitable[None]]] = {
    "success": lambda store, _: _run(store, OK),
    "death": lambda store, _: _run(store, HOPELESS),
    "cancel": _cancel,
    "cancel of a running job": _cancel_running,
    "forced cancel": _force_cancel,
    "poison": _die_of_crashes,
    "purge": _purge,
    "expiry": _expire,
    "expiry seen by a claim": _expire_in_claim,
}
