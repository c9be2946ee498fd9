"""The cost of a claim does not depend on the number of queues that it takes no job from."""

from collections import Counter
from typing import Any

import pytest

from service.domain.job_spec import JobSpec
from service.domain.limits import RateLimit
from service.store.codec.queue_settings import encode_change
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.support.factories import OK, QUICK, Worker, claim, finish, limit, new_id, register_worker, submit

pytestmark = pytest.mark.anyio

BUSY = ["a", "b", "c", "d", "e"]
MANY = 300


async def fill(store: Namespace, queues: list[str], each: int = 1, **fields: Any) -> None:
    given: Any = {"name": "work", "retry": QUICK, **fields}
    specs = [JobSpec(**given, queue=queue) for queue in queues for _ in range(each)]
    await store.jobs.submit([Submission(new_id(), spec) for spec in specs])


def others(count: int = MANY) -> list[str]:
    return [f"other-{number:05}" for number in range(count)]


async def commands(store: Namespace, slots: int = 5, **fields: Any) -> int:
    """The number of Redis commands in one claim; finishing the claimed jobs is not counted."""
    redis: Any = store.scripts.redis

    async def total() -> int:
        return sum(row["calls"] for row in (await redis.info("commandstats")).values())

    before = await total()
    response = await claim(store, slots, **fields)
    count = await total() - before
    for lease in response.leases:
        await finish(store, lease, OK)
    assert len(response.leases) == slots, "not all slots were used"
    return count


async def test_queues_whose_types_no_worker_here_knows_cost_a_claim_nothing(store: Namespace) -> None:
    await fill(store, BUSY, 10)
    before = await commands(store)
    await fill(store, others(), name="unknown-here")
    assert await commands(store) <= before + 5


async def test_queues_that_a_worker_does_not_serve_cost_it_nothing(store: Namespace) -> None:
    await fill(store, BUSY, 20)
    mine = dict.fromkeys(BUSY, 1)
    before = await commands(store, queues=mine)
    await fill(store, others())
    assert await commands(store, queues=mine) <= before + 5


@pytest.mark.parametrize(
    "settings",
    [
        {"paused": True},
        {"paused_job_types": {"work"}},
        {"rate_limit": RateLimit(1, 3_600_000)},
    ],
)
async def test_queues_that_may_start_nothing_are_inspected_once(
    store: Namespace, settings: dict[str, Any]
) -> None:
    arguments = [value for field, setting in settings.items() for value in encode_change(field, setting)]
    for queue in others(220):
        await store.scripts.run("configure_queue", [queue, "", 10_000, "", 10, *arguments])
    await fill(store, others(220))
    # With a rate of one, the first job of each queue starts and closes it.
    while (response := await claim(store, 100)).leases or response.more:
        pass
    await fill(store, others(220))
    await fill(store, BUSY, 20)
    # The new jobs behind closed limits are inspected once, then their lanes leave the line.
    for _ in range(3):
        for lease in (await claim(store, 5)).leases:
            await finish(store, lease, OK)
    assert await commands(store) <= 200
    # No job is lost: the queues return when they may start one.
    await limit(store, others(1)[0], paused=False, paused_job_types=set(), rate_limit=None)
    await store.queues.purge("a")
    for queue in BUSY:
        await store.queues.purge(queue)
    assert [lease.job.queue for lease in (await claim(store, 1)).leases] == others(1)


async def test_one_claim_inspects_a_limited_number_of_closed_queues(store: Namespace) -> None:
    for queue in others(410):
        await store.scripts.run("configure_queue", [queue, "", 10_000, "", 10, "paused", "1"])
    await fill(store, others(410))
    more = [(await claim(store, 5)).more for _ in range(4)]
    assert more == [True, True, False, False]


async def test_queues_behind_the_star_take_turns(store: Namespace) -> None:
    """Every queue has its first turn before any has a second one."""
    await fill(store, others(200), 3)
    worker = Worker(store, {"*": 1})
    taken: list[str] = []
    while len(taken) < 400:
        for lease in (await worker.claim(3)).leases:
            taken.append(lease.job.queue)
            await finish(store, lease, OK)
    assert set(Counter(taken[:200]).values()) == {1}
    assert set(Counter(taken[:400]).values()) == {2}


async def test_a_queue_that_has_one_job_at_a_time_has_no_more_turns_than_a_full_one(
    store: Namespace,
) -> None:
    await fill(store, ["full"], 60)
    worker = Worker(store, {"*": 1})
    taken: list[str] = []
    for _ in range(40):
        await submit(store, queue="sparse")
        for lease in (await worker.claim(1)).leases:
            taken.append(lease.job.queue)
            await finish(store, lease, OK)
    assert 15 <= taken.count("sparse") <= 25


async def test_the_weight_of_the_star_is_for_each_queue_that_has_work(store: Namespace) -> None:
    """A queue that has jobs of two types counts once."""
    await fill(store, ["critical"], 100)
    for queue in ("x", "y", "z"):
        await fill(store, [queue], 40)
        await fill(store, [queue], 40, name="second")
    worker = Worker(store, {"critical": 3, "*": 1})
    taken: Counter[str] = Counter()
    for _ in range(60):
        for lease in (await worker.claim(1, types={"work": None, "second": None})).leases:
            taken[lease.job.queue] += 1
            await finish(store, lease, OK)
    assert taken["critical"] == pytest.approx(30, abs=2)
    assert all(taken[queue] == pytest.approx(10, abs=2) for queue in "xyz")


async def test_many_queues_that_are_gone_leave_a_named_one_no_debt(store: Namespace) -> None:
    """A start among 400 queues costs 400 rounds, among two one; claims carry the difference along."""
    await fill(store, ["critical"], 60)
    await fill(store, others(400), name="second")
    worker = Worker(store, {"critical": 6, "*": 1})
    while (await worker.claim(1, types={"work": None, "second": None})).leases[0].job.queue != "critical":
        pass
    await fill(store, ["bulk"], 60)
    taken = Counter([lease.job.queue for _ in range(30) for lease in (await worker.claim(1)).leases])
    assert taken["critical"] >= 17


async def test_the_api_wakes_pools_for_waiting_jobs_whatever_else_it_does(store: Namespace) -> None:
    redis: Any = store.scripts.redis
    await register_worker(store, queues={"mine": 1}, job_types=("work",))
    pool = (await store.workers.alive())[0].pool
    wake = f"{store.scripts.prefix}wake:{pool}"
    await fill(store, others(220), name="unknown-here")
    await fill(store, ["elsewhere"])
    await store.api_heartbeat(1_000)
    assert await redis.exists(wake) == 0
    await fill(store, ["mine"])
    await redis.delete(wake)
    await store.api_heartbeat(1_000)
    assert await redis.exists(wake) == 1


async def test_no_command_of_a_claim_reads_a_whole_line(store: Namespace) -> None:
    """The counts above would not notice: a command that reads everything counts as one."""
    await fill(store, others(60))
    redis: Any = store.scripts.redis
    ranges: list[int] = []
    async with redis.monitor() as monitor:
        await claim(store, 5)
        await redis.echo("end")
        async for row in monitor.listen():
            name, *arguments = row["command"].split()
            if name.upper() == "ECHO":
                break
            if name.upper() == "ZRANGE":
                ranges.append(int(arguments[2]) - int(arguments[1]))
    assert ranges
    assert all(0 <= count < 20 for count in ranges)
