"""Several namespaces, and what becomes of their jobs."""

from collections.abc import Callable

from service.domain.job import Job
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.eventually import eventually

Space = Callable[[str], Namespace]


def name(store: Namespace) -> str:
    return store.scripts.namespace


def names(*stores: Namespace) -> str:
    return ",".join(map(name, stores))


async def reached(store: Namespace, id: str, state: State = State.SUCCEEDED) -> Job:
    async def there() -> Job:
        job = await store.queries.job(id)
        assert job is not None
        assert job.state is state, job
        return job

    return await eventually(there, 30)


async def registered(*stores: Namespace) -> None:
    async def there() -> None:
        for store in stores:
            assert await store.workers.alive()

    await eventually(there)
