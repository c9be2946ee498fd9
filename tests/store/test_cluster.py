"""A cluster of two masters: namespaces spread over them, and slots move between them under load."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.api.auth.memory_shares import MemoryShares
from service.domain.access_key import AccessKey
from service.domain.errors import BackendUnavailable, QuotaExceeded, TriageError
from service.domain.outcome import Succeeded
from service.domain.states import State
from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import client_for, connect, connect_blocking, memory_use
from service.store.redis.routing.layout import slot_of
from service.store.redis.scripts import BlockingScripts
from service.store.tenants.access_keys import AccessKeys
from service.store.tenants.tenants import Tenants
from tests.support import invariants
from tests.support.deployments import ClusterDeployment, PortServer
from tests.support.eventually import eventually
from tests.support.factories import claim, finish, register_worker, state_of, submit, wait_for_change
from tests.workers.tenants import serving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def cluster(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterDeployment]:
    with ClusterDeployment(tmp_path_factory.mktemp("cluster"), server_binary, masters=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def redis_url(cluster: ClusterDeployment) -> str:
    return cluster.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    redis = connect(redis_url, socket_timeout=10)
    yield redis
    await redis.aclose()


@pytest.fixture
def slot(store: Namespace) -> int:
    return slot_of(store.scripts.prefix)


@pytest.fixture
def other(cluster: ClusterDeployment, slot: int) -> PortServer:
    """The master without the namespace."""
    return next(server for server in cluster.servers if server is not cluster.master_of(slot))


def on(cluster: ClusterDeployment, master: PortServer) -> str:
    """The name of a namespace on this master."""
    names = (f"on-{number}" for number in range(100))
    return next(name for name in names if cluster.master_of(slot_of(keys.prefix(name))) is master)


async def test_each_namespace_works_on_the_master_of_its_slot(cluster: ClusterDeployment, redis: Any) -> None:
    for server in cluster.servers:
        store = Namespace(redis, on(cluster, server), 0)
        id = await submit(store)
        await register_worker(store)
        (lease,) = (await claim(store)).leases
        assert await finish(store, lease, Succeeded(b"1")) == "moved"
        assert server.call("EXISTS", keys.job(store.scripts.prefix, id=id)) == 1
        await store.leases.wake("pool")
        assert await store.leases.wait_for_work("pool", 5)
        await store.workers.deregister("wk_1")
        await store.workers.forget_lost()
        blocking = connect_blocking(cluster.url)
        assert BlockingScripts(blocking, store.scripts.namespace).run("api_heartbeat", [1000, 0]) is not None
        blocking.close()
        await store.change_feed.close()


async def test_waiters_hear_of_changes_in_every_namespace_over_one_connection(
    cluster: ClusterDeployment, redis: Any
) -> None:
    first, second = (Namespace(redis, on(cluster, server), 0) for server in cluster.servers)
    shared = Namespace(redis, second.scripts.namespace, 0, first.change_feed._subscriber)
    for store in (first, shared):
        id = await submit(store)
        async with store.change_feed.watch(id) as change:
            await store.jobs.cancel([id], 0)
            await wait_for_change(change)
    await first.change_feed.close()


async def test_a_worker_of_several_namespaces_has_a_subscription_on_each_master(
    cluster: ClusterDeployment, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.worker.collect_rarely", lambda: None)
    names = [on(cluster, server) for server in cluster.servers]
    stores = [Namespace(redis, name, 0) for name in names]
    async with serving(cluster.url, ",".join(names), lease_seconds=60):
        for store in stores * 2:
            id = await submit(store, name="note")

            async def succeeded(store: Namespace = store, id: str = id) -> None:
                assert await state_of(store, id) is State.SUCCEEDED

            await eventually(succeeded, 5)
        for server in cluster.servers:
            clients = server.call("CLIENT", "LIST").decode().splitlines()
            assert [" sub=3 " in client for client in clients].count(True) == 1, clients
            assert not any(" flags=b" in client for client in clients)


async def test_api_keys_have_a_slot_of_their_own(redis: Any) -> None:
    access, key = AccessKeys(redis), AccessKey("key_1", "n", "default", frozenset({"jobs:read"}), 1)
    await access.create(key, "digest")
    assert await access.find("digest") == key
    assert await access.list() == [key]
    assert await access.revoke("key_1")


async def test_only_namespaces_of_a_full_master_are_held_to_their_share(
    cluster: ClusterDeployment, redis: Any
) -> None:
    full, spacious = cluster.servers
    for server in cluster.servers:
        name = on(cluster, server)
        await Tenants(redis).create(name, Policy({"jobs": 10}), "")
        for _ in range(10):
            await submit(Namespace(redis, name, 0), payload=b'{"x":"' + b"y" * 500_000 + b'"}')
    used, _ = (await memory_use(redis))[f"127.0.0.1:{full.port}"]
    for server, most in ((full, round(used * 1.1)), (spacious, used * 10)):
        server.call("CONFIG SET", "maxmemory", most)
    shares = MemoryShares(redis)
    await shares.refresh()
    for server in cluster.servers:
        server.call("CONFIG SET", "maxmemory", 0)
    with pytest.raises(QuotaExceeded):
        shares.check(on(cluster, full))
    shares.check(on(cluster, spacious))


async def test_calls_follow_a_slot_that_has_moved(
    cluster: ClusterDeployment, store: Namespace, slot: int, other: PortServer
) -> None:
    before = [await submit(store) for _ in range(3)]
    waiting = asyncio.create_task(store.leases.wait_for_work("pool", 10))
    cluster.move(slot, other)
    # The blocked call ends with an error, and the worker waits again.
    with pytest.raises(BackendUnavailable):
        await waiting
    assert await store.queries.job(before[0]) is not None
    after = await submit(store)
    assert other.call("EXISTS", keys.job(store.scripts.prefix, id=after)) == 1
    assert len((await claim(store, 10)).leases) == 4


async def test_no_script_runs_while_its_slot_has_keys_on_two_servers(
    cluster: ClusterDeployment, store: Namespace, slot: int, other: PortServer
) -> None:
    """The new server would take the keys that have not arrived yet for deleted, and write them again."""
    ids = [await submit(store) for _ in range(20)]
    source = cluster.begin_move(slot, other)
    cluster.move_keys(slot, source, other, 10)
    moved = other.call("CLUSTER COUNTKEYSINSLOT", slot)
    assert 0 < moved < source.call("CLUSTER COUNTKEYSINSLOT", slot)
    calls = (submit(store), claim(store), store.jobs.cancel(ids, 0), store.queries.jobs(ids))
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, BackendUnavailable)
    assert other.call("CLUSTER COUNTKEYSINSLOT", slot) == moved
    late = asyncio.create_task(submit(store))
    while cluster.move_keys(slot, source, other, 100):
        pass
    cluster.end_move(slot, other)
    assert await store.queries.job(await late) is not None
    assert len(await store.queries.jobs(ids)) == 20
    await invariants.check(store)


async def test_resharding_under_load_loses_nothing(
    cluster: ClusterDeployment, store: Namespace, slot: int
) -> None:
    acknowledged: list[str] = []
    done: list[str] = []
    stopped = asyncio.Event()

    async def produce() -> None:
        while not stopped.is_set():
            with contextlib.suppress(TriageError):
                acknowledged.append(await submit(store))

    async def consume() -> None:
        await register_worker(store)
        while not stopped.is_set() or len(done) < len(acknowledged):
            with contextlib.suppress(TriageError):
                for lease in (await claim(store, 5)).leases:
                    done.append(lease.job.id)
                    await finish(store, lease, Succeeded(b"1"))

    work = [asyncio.create_task(produce()), asyncio.create_task(consume())]
    for turn in range(4):
        target = cluster.servers[turn % 2]
        if cluster.master_of(slot) is not target:
            await asyncio.to_thread(cluster.move, slot, target, 5)
        count = len(acknowledged)

        def more(count: int = count) -> None:
            assert len(acknowledged) > count + 10

        await eventually(more)
    stopped.set()
    await asyncio.gather(*work)
    jobs = await store.queries.jobs(acknowledged)
    assert all(job is not None for job in jobs)
    assert set(acknowledged) <= set(done)


async def test_a_client_for_the_keys_of_another_slot_is_another_one(redis: Any) -> None:
    for name in ("a", "b", "c"):
        client: Any = client_for(redis, f"{{{name}}}")
        await client.set(f"{{{name}}}:x", name)
        assert await client.get(f"{{{name}}}:x") == name.encode()
        await client.unlink(f"{{{name}}}:x")
