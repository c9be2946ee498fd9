"""A worker of several namespaces, on a real server: one pool of slots, and nothing of one in another."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from service.domain.states import State
from service.domain.tenant import Policy
from service.store.tenants.tenants import Tenants
from tests.support.eventually import eventually
from tests.support.factories import submit
from tests.workers.several import Space, name, names, reached, registered
from tests.workers.tenants import STARTED, gate, serving, started
from workers.namespaces import served_namespaces

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("collect_as_always")]


async def test_handlers_submit_to_the_namespace_of_their_job(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    async with serving(redis_url, names(a, b)):
        # Each has the enqueued job, the fan-out's item and its follow-up, and the child.
        for store, count in ((a, 4), (b, 8)):
            job = await reached(store, await submit(store, name="spread"))
            assert f'"child":"{name(store)}"'.encode() in (job.result or b"")
            assert (await started(count))[name(store)] == 4


@pytest.mark.processes
async def test_subprocesses_submit_to_the_namespace_of_their_job(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    async with serving(redis_url, names(a, b)):
        await reached(b, await submit(b, name="spread-from-a-process"))
        assert await started(1) == {name(b): 1}


async def test_slots_are_shared_by_weight_and_an_idle_share_is_used(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    for store in (a, b):
        for _ in range(10):
            await submit(store, name="hold")
    weights = f"{name(a)}=3,{name(b)}=1"
    async with serving(redis_url, weights, concurrency=4) as worker:
        running = await started(4)
        # Whichever came first may have more than its share, until its next run ends.
        for count in range(5, 13):
            ends = a if running[name(a)] > 3 or (running[name(b)] == 1 and count % 2) else b
            gate(name(ends)).release()
            running[name(ends)] -= 1
            await started(count)
            running[STARTED[-1]] += 1
        assert running == {name(a): 3, name(b): 1}
        # Once nothing of the other one waits, this one gets all slots.
        ended = Counter(STARTED)[name(b)] - 1
        for _ in range(10):
            gate(name(a)).release()
        assert await started(10 + ended + 4) == {name(a): 10, name(b): ended + 4}
        for _ in range(10):
            gate(name(b)).release()
        assert (await started(20)) == {name(a): 10, name(b): 10}
        page = await worker.metrics()
        for store in (a, b):
            labels = f'name="hold",outcome="succeeded",queue="default",triage_namespace="{name(store)}"'
            assert f"triage_jobs_finished_total{{{labels}}} " in page
            assert f'triage_stale_finishes_total{{triage_namespace="{name(store)}"}} 0.0' in page


async def test_a_flood_does_not_keep_others_from_their_share(redis_url: str, space: Space) -> None:
    flood, quiet = space("flood"), space("quiet")
    for store, count in ((flood, 200), (quiet, 5)):
        for _ in range(count):
            await submit(store, name="note")
    async with serving(redis_url, names(flood, quiet), concurrency=2):
        await started(205)
        # The quiet namespace took every second turn, once it had begun.
        turns = [at for at, each in enumerate(STARTED) if each == name(quiet)]
        assert turns[-1] - turns[0] < 20
        assert turns[0] < 50


async def test_a_drain_hands_back_the_jobs_of_all_namespaces(redis_url: str, space: Space) -> None:
    stores = [space(each) for each in "abc"]
    async with serving(redis_url, names(*stores), concurrency=3):
        ids = [await submit(store, name="hold") for store in stores]
        await started(3)
    for store, id in zip(stores, ids, strict=True):
        job = await store.queries.job(id)
        assert job is not None
        assert (job.state, job.interruptions, job.failures) == (State.QUEUED, 1, 0)
        assert await store.workers.alive() == []


async def test_a_drain_request_in_one_namespace_drains_the_worker(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    async with serving(redis_url, names(a, b), lease_seconds=60) as worker:
        await registered(a, b)
        assert await b.workers.request_drain(worker.worker.id)

        async def left() -> None:
            assert [*await a.workers.alive(), *await b.workers.alive()] == []

        await eventually(left, 5)


async def test_a_cancel_stops_a_run_at_once(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    # Heartbeats come every ten seconds, so only a message ends the run in time.
    async with serving(redis_url, names(a, b), lease_seconds=60):
        id = await submit(b, name="hold")
        await started(1)
        await b.jobs.cancel([id], 5_000)
        async with asyncio.timeout(5):
            await reached(b, id, State.CANCELLED)


async def test_wake_ups_follow_a_lost_connection(redis_url: str, space: Space, redis: Any) -> None:
    a, b = space("a"), space("b")
    async with serving(redis_url, names(a, b), lease_seconds=60):
        await reached(a, await submit(a, name="note"))
        assert await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == 1

        async def back() -> None:
            assert len(await subscribers(redis)) == 1

        await eventually(back)
        async with asyncio.timeout(5):
            await reached(b, await submit(b, name="note"))


async def subscribers(redis: Any) -> list[dict[str, str]]:
    return [client for client in await redis.client_list() if int(client["sub"]) > 0]


async def test_an_idle_worker_blocks_one_connection(redis_url: str, space: Space, redis: Any) -> None:
    stores = [space(f"n{number}") for number in range(12)]
    async with serving(redis_url, names(*stores)):
        await registered(*stores)
        for store in stores:
            await reached(store, await submit(store, name="note"))
        (subscriber,) = await subscribers(redis)
        assert int(subscriber["sub"]) == 3 * len(stores)
        assert [client for client in await redis.client_list() if "b" in client["flags"]] == []


async def test_a_burst_ends_when_nothing_is_left_in_any_namespace(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    ids = [(store, await submit(store, name="note")) for store in (a, b) for _ in range(3)]
    async with serving(redis_url, names(a, b), concurrency=2, burst=True) as worker:
        await started(6)
        for store, id in ids:
            await reached(store, id)
        await asyncio.wait_for(worker.work, 5)


@pytest.fixture
def quick_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_namespaces, "REFRESH", 0.05)
    monkeypatch.setattr(served_namespaces, "JITTER", 0.0)


@pytest.mark.usefixtures("quick_refresh")
async def test_a_pattern_follows_the_registry(redis_url: str, space: Space, redis: Any) -> None:
    tenants, fixed, first, second = Tenants(redis), space("fixed"), space("team-1"), space("team-2")
    other = space("other")
    for store in (first, other):
        await tenants.create(name(store), Policy(), "")
    async with serving(redis_url, f"{name(fixed)},team-*=2", lease_seconds=60) as worker:
        await registered(fixed, first)
        # Twice, because the second time the channels are still there.
        for _ in range(2):
            await tenants.create(name(second), Policy(), "")
            await registered(second)
            await tenants.delete(name(second))

            async def left() -> None:
                assert await second.workers.alive() == []
                assert name(second) not in await worker.metrics()

            await eventually(left)
        await tenants.create(name(second), Policy(), "")
        await registered(second)
        for store in (fixed, first, second, second):
            async with asyncio.timeout(5):
                await reached(store, await submit(store, name="note"))
        assert await other.workers.alive() == []


@pytest.mark.usefixtures("quick_refresh")
async def test_a_namespace_that_leaves_keeps_its_runs_until_they_end(
    redis_url: str, space: Space, redis: Any
) -> None:
    tenants, team = Tenants(redis), space("team-1")
    await tenants.create(name(team), Policy(), "")
    async with serving(redis_url, "team-*") as worker:
        await registered(team)
        id = await submit(team, name="hold")
        await started(1)
        assert worker.waits_for_claims()
        # The registry loses the name, but not the namespace: it has a job.
        await redis.zrem("triage-access:{keys}:namespaces", name(team))

        def leaves() -> None:
            assert worker.leaves(name(team))

        await eventually(leaves)
        # Its claims have ended, but the worker is alive.
        assert not worker.waits_for_claims()
        late = await submit(team, name="note")
        gate(name(team)).release()
        await reached(team, id)

        async def left() -> None:
            assert await team.workers.alive() == []

        await eventually(left)
        await reached(team, late, State.QUEUED)


async def test_hooks_have_no_redis_of_a_single_namespace(redis_url: str, space: Space) -> None:
    a, b = space("a"), space("b")
    async with serving(redis_url, names(a, b)) as worker:
        await registered(a, b)
        with pytest.raises(AttributeError, match="serves several namespaces"):
            await worker.worker.ctx["redis"].enqueue_job("note")
