"""Workers in the test's event loop, on a real server, and clients that know no function."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from service.clock import Clock
from service.domain.ids import IdFactory
from service.settings import Settings
from service.store.namespace import Namespace
from workers.handling.arq_client import TriageRedis
from workers.handling.registry import Registry
from workers.worker import TriageWorker

MakeWorker = Callable[..., TriageWorker]
MakePool = Callable[..., TriageRedis]


new_id = IdFactory(Clock().now_ms, os.urandom).new


@pytest.fixture(autouse=True)
def collect_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collect garbage as usual: these workers share their process with the tests."""
    monkeypatch.setattr("workers.worker.collect_rarely", lambda: None)


@pytest.fixture
def worker_settings(redis_url: str, namespace: str) -> Settings:
    given: Any = {
        "redis_url": redis_url,
        "namespace": namespace,
        "handlers": "",
        "worker_host": "127.0.0.1",
        "worker_port": 0,
        "lease_seconds": 5,
        "cancel_grace_seconds": 0.3,
    }
    return Settings(**given)


@pytest.fixture
async def make_worker(worker_settings: Settings, store: Namespace) -> MakeWorker:
    """`await make_worker(functions, **options).main()` runs all queued jobs and returns."""

    def make(functions: Any = (), *, burst: bool = True, **options: Any) -> TriageWorker:
        settings = options.pop("settings", worker_settings)
        worker = TriageWorker(functions, burst=burst, handle_signals=False, settings=settings, **options)
        return worker

    return make


@pytest.fixture
async def make_pool(redis_url: str, store: Namespace) -> AsyncIterator[MakePool]:
    """Clients like `ctx["redis"]` in a worker with these functions."""
    made: list[TriageRedis] = []

    def make(*functions: Any, **options: Any) -> TriageRedis:
        made.append(TriageRedis(redis_url, store, Registry.load([], functions, options), new_id))
        return made[-1]

    yield make
    for client in made:
        await client.aclose(close_connection_pool=True)  # type: ignore[no-untyped-call]


@pytest.fixture
def pool(make_pool: MakePool) -> TriageRedis:
    """A client that knows no function, as in a worker that has other ones."""
    return make_pool()


@pytest.fixture
async def running(make_worker: MakeWorker) -> AsyncIterator[Callable[..., Awaitable[TriageWorker]]]:
    """Starts a worker in the background, which is drained when the test ends."""
    started: list[tuple[TriageWorker, asyncio.Task[None]]] = []

    async def run(functions: Any = (), **options: Any) -> TriageWorker:
        worker = make_worker(functions, burst=False, **options)
        started.append((worker, asyncio.create_task(worker.main())))
        return worker

    yield run
    for worker, task in started:
        worker.begin_drain("the test is over")
        await asyncio.wait_for(task, 20)
