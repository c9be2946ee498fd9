"""Failovers under Sentinel: what survives, and that every kind of call follows the new master."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.domain.errors import BackendUnavailable, ConfigurationInvalid, TriageError
from service.domain.outcome import Succeeded
from service.store.namespace import Namespace
from service.store.redis.connect import connect, connect_blocking
from service.store.redis.routing.layout import Layout
from service.store.redis.scripts import BlockingScripts
from service.store.redis.server_check import check_server, find_problem
from tests.e2e.processes import free_port
from tests.support.deployments import SentinelDeployment
from tests.support.eventually import eventually
from tests.support.factories import claim, finish, register_worker, submit, wait_for_change

pytestmark = pytest.mark.anyio

#: How long a failover may take, in seconds, on a machine under load.
SECONDS = 30


@pytest.fixture(scope="module")
def sentinels(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelDeployment]:
    with SentinelDeployment(tmp_path_factory.mktemp("sentinel"), server_binary) as sentinels:
        yield sentinels


@pytest.fixture(scope="module")
def redis_url(sentinels: SentinelDeployment) -> str:
    return sentinels.url


@pytest.fixture
async def idle(redis_url: str, store: Namespace) -> AsyncIterator[Namespace]:
    """The namespace as an idle worker waits in it: over one connection, which blocks."""
    redis = connect(redis_url, socket_timeout=17, max_connections=1, peer=store.scripts.redis)
    yield Namespace(redis, store.scripts.namespace, 0)
    await redis.aclose()


class Load:
    """Submits jobs, every second one with a confirmation, and runs them, whatever happens to Redis."""

    def __init__(self, store: Namespace) -> None:
        self.stored: list[str] = []
        self.replicated: list[str] = []
        self.done: set[str] = set()
        self._store = store
        self._stopped = asyncio.Event()
        self._tasks = [asyncio.create_task(work()) for work in (self._submit, self._submit, self._run)]

    @property
    def acknowledged(self) -> int:
        return len(self.stored) + len(self.replicated)

    async def until(self, count: int) -> None:
        def reached() -> None:
            assert self.acknowledged >= count

        await eventually(reached, SECONDS)

    async def stop(self) -> None:
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def _submit(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TriageError):
                self.stored.append(await submit(self._store))
            with contextlib.suppress(TriageError):
                id = await submit(self._store)
                await self._store.replication.confirm([id], 0.3)
                self.replicated.append(id)

    async def _run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TriageError):
                for lease in (await claim(self._store, 20, lease_ms=500)).leases:
                    await finish(self._store, lease, Succeeded(b"1"))
                await self._store.leases.rescue(500)


async def test_a_failover_under_load_loses_only_what_no_replica_had(
    sentinels: SentinelDeployment, store: Namespace, record_property: Any
) -> None:
    await register_worker(store)
    load = Load(store)
    await load.until(60)
    before = sentinels.master
    sure = len(load.stored)
    # The replica has all earlier jobs as well.
    await store.replication.confirm([await submit(store)], 5)
    before.kill()
    await eventually(lambda: sentinels.led_by_another(before), SECONDS)
    before.start()
    await load.until(load.acknowledged + 60)
    await load.stop()
    await eventually(sentinels.complete, SECONDS)
    kept = await _existing(store, load.stored)
    lost = [id for id in load.stored if id not in kept]
    record_property("lost", len(lost))
    assert await _existing(store, load.replicated) == set(load.replicated)
    assert not set(lost) & set(load.stored[:sure])

    async def ended() -> None:
        for lease in (await claim(store, 200, lease_ms=500)).leases:
            await finish(store, lease, Succeeded(b"1"))
        await store.leases.rescue(500)
        assert await _unfinished(store, [*kept, *load.replicated]) == []

    await eventually(ended, SECONDS)


async def _existing(store: Namespace, ids: list[str]) -> set[str]:
    return {job.id for job in await store.queries.jobs(ids) if job is not None}


async def _unfinished(store: Namespace, ids: list[str]) -> list[str]:
    return [job.id for job in await store.queries.jobs(ids) if job is not None and job.finished_at is None]


async def test_waiting_calls_end_with_the_role_of_their_server(
    sentinels: SentinelDeployment, store: Namespace, idle: Namespace
) -> None:
    """Otherwise they would wait for wake-ups of a server that gets none."""
    id = await submit(store)
    blocking = connect_blocking(sentinels.url)
    scripts = BlockingScripts(blocking, store.scripts.namespace)
    scripts.run("api_heartbeat", [1000, 0])
    sleeper = asyncio.create_task(idle.leases.wait_for_work("pool", 15))
    async with store.change_feed.watch(id) as change:
        await asyncio.to_thread(sentinels.fail_over)

        async def heard() -> None:
            # As the API does each second.
            with contextlib.suppress(TriageError):
                await store.api_heartbeat(1000)
            assert change.is_set()
            assert sleeper.done()

        await eventually(heard, SECONDS)
        assert change.lost
    with pytest.raises(TriageError):
        await sleeper
    sleeper = asyncio.create_task(idle.leases.wait_for_work("pool", 15))
    async with store.change_feed.watch(id) as change:
        await store.jobs.cancel([id], 0)
        await wait_for_change(change)
    await store.leases.wake("pool")
    assert await sleeper

    await _follows(scripts)
    client: Any = blocking
    assert client.role()[0] == b"master"
    blocking.close()


async def test_a_call_to_a_demoted_master_is_repeated_at_the_new_one(
    sentinels: SentinelDeployment, store: Namespace
) -> None:
    redis: Any = store.scripts.redis
    masters = redis.servers.masters
    await masters.layout()
    masters._doubts.layout = Layout.of_master(("127.0.0.1", sentinels.replica.port))
    assert await store.queries.job(await submit(store)) is not None
    blocking = connect_blocking(sentinels.url)
    pool: Any = blocking.connection_pool
    assert blocking.ping()
    pool.servers._doubts.layout = Layout.of_master(("127.0.0.1", sentinels.replica.port))
    scripts = BlockingScripts(blocking, store.scripts.namespace)
    with pytest.raises(BackendUnavailable):
        scripts.run("api_heartbeat", [1000, 0])
    await _follows(scripts)
    blocking.close()


async def _follows(scripts: BlockingScripts) -> None:
    """The heartbeat thread repeats its calls automatically."""

    def follows() -> None:
        try:
            scripts.run("api_heartbeat", [1000, 0])
        except TriageError as error:
            raise AssertionError from error

    await eventually(follows, SECONDS)


async def test_problems_have_a_sentence(sentinels: SentinelDeployment) -> None:
    assert await check_server(sentinels.url, patient=False) is None
    for url, kind, sentence in (
        (sentinels.url.replace("mymaster", "other"), "unknown_host", "know no master of that name"),
        (f"redis://127.0.0.1:{sentinels.ports[0]}", "configuration", "use redis+sentinel://"),
        (f"redis+sentinel://127.0.0.1:{sentinels.master.port}/m", "configuration", "is not a Sentinel"),
        (f"redis+cluster://127.0.0.1:{sentinels.master.port}", "configuration", "not in cluster mode"),
        (f"redis+sentinel://127.0.0.1:{free_port()}/m", "unavailable", "refused the connection"),
    ):
        redis = connect(url)
        found = await find_problem(redis, url)
        await redis.aclose()
        assert found is not None
        assert found.kind == kind, found
        assert sentence in found.sentence
    with pytest.raises(ConfigurationInvalid, match="is a Sentinel"):
        await check_server(f"redis://127.0.0.1:{sentinels.ports[0]}", patient=True)
