"""RateLimited freezes a limit key, or a type without one, for a time, and costs the job no attempt."""

import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits
from service.domain.outcome import Snoozed, Throttled
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queues import Freeze
from tests.store.times import START
from tests.support.factories import BROKEN, IDS, OK, claim, finish, limit, submit

pytestmark = pytest.mark.anyio


def at(ms: int) -> str:
    return str(START + ms)


async def test_a_frozen_key_rests_and_then_the_job_goes_first(frozen: Namespace) -> None:
    types = {"work": None, "other": None}
    first = await submit(frozen, limit_key="acme")
    lease = (await claim(frozen)).leases[0]
    second = await submit(frozen, limit_key="acme")
    third = await submit(frozen, limit_key="acme", name="other")
    free = await submit(frozen, limit_key="free")
    assert await finish(frozen, lease, Throttled(5_000)) == "moved"
    for worker in ("wk_1", "wk_2"):
        found = await claim(frozen, 5, worker, types=types)
        assert [lease.job.id for lease in found.leases] == ([free] if worker == "wk_1" else [])
        assert found.due_in_us == 5_000_000
    late = (await claim(frozen, 5, types=types, now=at(5_000))).leases
    assert {lease.job.id for lease in late} == {first, second, third}
    again = next(lease.job for lease in late if lease.job.id == first)
    assert (again.failures, again.interruptions, again.attempt, again.state) == (0, 0, 1, State.RUNNING)


async def test_a_job_without_a_key_freezes_those_of_its_type_in_its_queue(frozen: Namespace) -> None:
    types = {"work": None, "other": None}
    first = await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(5_000))
    others = {
        await submit(frozen, name="other"),
        await submit(frozen, queue="elsewhere"),
        await submit(frozen, limit_key="acme"),
    }
    second = await submit(frozen)
    found = await claim(frozen, 9, types=types)
    assert {lease.job.id for lease in found.leases} == others
    assert found.due_in_us == 5_000_000
    late = (await claim(frozen, 9, types=types, now=at(5_000))).leases
    assert [lease.job.id for lease in late] == [first, second]


async def test_items_of_a_limited_fan_out_without_a_key_are_frozen_with_their_type(frozen: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await frozen.fan_outs.create(id, FanOutSpec(JobSpec("work"), whole=False, max_concurrency=2), 0, None)
    await frozen.fan_outs.add_items(id, [Item(index, b"{}") for index in range(3)])
    await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(5_000))
    assert (await claim(frozen, 9)).leases == []
    assert len((await claim(frozen, 9, now=at(5_000))).leases) == 3


async def test_a_type_rests_at_most_five_minutes_and_its_job_as_long_as_the_handler_said(
    frozen: Namespace,
) -> None:
    first, second = await submit(frozen), await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(3_600_000))
    assert (await claim(frozen, 9, now=at(299_999))).leases == []
    assert [lease.job.id for lease in (await claim(frozen, 9, now=at(300_000))).leases] == [second]
    assert [lease.job.id for lease in (await claim(frozen, 9, now=at(3_600_000))).leases] == [first]


async def test_a_type_that_is_frozen_and_emptied_starts_its_next_job_in_time(frozen: Namespace) -> None:
    id = await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(5_000))
    await frozen.jobs.cancel([id], 0)
    assert (await claim(frozen, now=at(1_000))).leases == []
    await submit(frozen)
    assert (await claim(frozen, now=at(4_999))).leases == []
    assert len((await claim(frozen, now=at(5_000))).leases) == 1


async def test_the_later_of_two_freezes_wins_and_a_freed_slot_does_not_end_it(frozen: Namespace) -> None:
    await limit(frozen, max_concurrency=3)
    for _ in range(6):
        await submit(frozen)
    one, two, three = (await claim(frozen, 3)).leases
    await finish(frozen, one, Throttled(9_000))
    await finish(frozen, two, Throttled(2_000))
    await finish(frozen, three, OK)
    assert (await claim(frozen, 9, now=at(2_000))).leases == []
    assert (await claim(frozen, 9, now=at(8_999))).leases == []
    assert len((await claim(frozen, 9, now=at(9_000))).leases) == 3


@pytest.mark.parametrize("key", [None, "acme"])
async def test_only_resuming_the_queue_ends_a_freeze(frozen: Namespace, key: str | None) -> None:
    id = await submit(frozen, limit_key=key)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(200_000))
    until = START + 200_000
    shown = Freeze("work" if key is None else None, key, until, id)
    await limit(frozen, max_depth=100, per_key=KeyLimits(max_concurrency=5))
    assert (await frozen.queues.pause("default")).freezes == [shown]
    await limit(frozen, paused=False)
    assert (await claim(frozen)).leases == []
    await frozen.queues.pause_job_type("default", "other", paused=False)
    assert (await frozen.queues.get("default")).freezes == [shown]  # type: ignore[union-attr]
    assert (await claim(frozen, now=str(until - 1))).leases == []
    assert (await frozen.queues.resume("default")).freezes == []
    assert [lease.job.id for lease in (await claim(frozen)).leases] == [id]


async def test_resuming_a_type_ends_its_freeze_and_no_other(frozen: Namespace) -> None:
    types = {"send_mail": None, "other": None}
    for name in types:
        await submit(frozen, name=name)
    for lease in (await claim(frozen, 2, types=types)).leases:
        await finish(frozen, lease, Throttled(60_000))
    left = (await frozen.queues.pause_job_type("default", "send-mail", paused=False)).freezes
    assert [found.job_type for found in left] == ["other"]
    assert [lease.job.name for lease in (await claim(frozen, 9, types=types)).leases] == ["send_mail"]


async def test_a_freeze_is_shown_until_it_ends(frozen: Namespace) -> None:
    for key, ms in (("short", 2_000), ("long", 9_000)):
        await submit(frozen, limit_key=key)
        await finish(frozen, (await claim(frozen)).leases[0], Throttled(ms))
    queue = await frozen.queues.get("default")
    assert queue is not None
    assert [found.limit_key for found in queue.freezes] == ["long", "short"]
    frozen.scripts.now = at(2_000)
    queue = await frozen.queues.get("default")
    assert queue is not None
    assert [found.limit_key for found in queue.freezes] == ["long"]


async def test_deferrals_are_counted_within_an_attempt(frozen: Namespace) -> None:
    id = await submit(frozen, limit_key="acme")
    for turn, outcome in enumerate([Snoozed(0), Throttled(0), BROKEN, Snoozed(0)]):
        frozen.scripts.now = at(turn * 100_000)
        await finish(frozen, (await claim(frozen)).leases[0], outcome)
        job = await frozen.queries.job(id)
        assert job is not None
        assert job.deferrals == [1, 2, 0, 1][turn]
    await frozen.jobs.cancel([id], 0)
    await frozen.jobs.redrive([id])
    job = await frozen.queries.job(id)
    assert job is not None
    assert job.deferrals == 0
