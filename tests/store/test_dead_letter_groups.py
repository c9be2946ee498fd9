"""Dead letters are grouped by cause as they die; the fixture checks the groups against all jobs."""

from typing import Any

from service.domain.bulk_action import BulkSpec
from service.domain.dead_letter_group import DeadLetterGroup
from service.domain.job_filter import JobFilter
from service.domain.outcome import Failed, Failure
from service.domain.states import State
from service.store.dead_letter_groups import page_of
from service.store.namespace import Namespace
from service.store.redis import keys
from service.version import VERSION
from tests.support.factories import IDS, claim, finish, submit


def failing(message: str, kind: str = "ValueError") -> Failed:
    return Failed(Failure(kind, message), retryable=False)


async def die(store: Namespace, message: str, queue: str = "default", **fields: Any) -> str:
    id = await submit(store, queue=queue, **fields)
    (lease,) = (await claim(store)).leases
    assert await finish(store, lease, failing(message)) == "moved"
    return id


async def groups(store: Namespace, **filter: Any) -> list[DeadLetterGroup]:
    order = filter.pop("order", "count")
    return page_of(await store.dead_letter_groups.all(**filter), order, 100, None).items


async def test_jobs_with_one_cause_are_one_group(frozen: Namespace) -> None:
    began = int(frozen.scripts.now)
    first = await die(frozen, "order 17 is missing")
    frozen.scripts.now = str(began + 60_000)
    await die(frozen, "the bank refused")
    last = await die(frozen, "order 4 is missing", queue="bulk")
    large, small = await groups(frozen)
    assert (large.name, large.error_type, large.message) == ("work", "ValueError", "order 4 is missing")
    assert (large.count, large.first_seen, large.last_seen) == (2, began, began + 60_000)
    assert (large.queues, large.versions, large.reason) == (["bulk", "default"], [VERSION], "non_retryable")
    assert large.example_id in (first, last)
    assert small.count == 1
    assert [group.count for group in await groups(frozen, order="first_seen")] == [1, 2]
    assert await groups(frozen, queue="bulk") == [large]
    assert await groups(frozen, name="other") == []


async def test_jobs_that_died_without_an_error_are_grouped_by_type_and_reason(frozen: Namespace) -> None:
    for _ in range(2):
        await submit(frozen, expires_ms=1_000)
    await submit(frozen, name="other", expires_ms=1_000)
    frozen.scripts.now = str(int(frozen.scripts.now) + 2_000)
    await frozen.leases.expire_jobs()
    two, one = await groups(frozen)
    assert [(group.name, group.reason, group.error_type, group.message) for group in (two, one)] == [
        ("work", "expired", None, None),
        ("other", "expired", None, None),
    ]
    assert (two.count, two.versions) == (2, [])


async def test_a_job_that_runs_again_or_is_deleted_leaves_its_group(frozen: Namespace) -> None:
    ids = [await die(frozen, "broken") for _ in range(3)]
    await frozen.jobs.redrive(ids[:1], 0, b"", "")
    assert [group.count for group in await groups(frozen)] == [2]
    await frozen.jobs.delete_one(ids[1])
    assert [group.example_id for group in await groups(frozen)] == ids[2:]
    (lease,) = (await claim(frozen)).leases
    await finish(frozen, lease, failing("broken elsewhere"))
    assert sorted(group.count for group in await groups(frozen)) == [1, 1]
    frozen.scripts.now = str(int(frozen.scripts.now) + 10**9)
    await frozen.leases.prune()
    assert await groups(frozen) == []


async def test_a_filter_finds_the_jobs_of_a_group_without_a_scan(frozen: Namespace) -> None:
    ids = [await die(frozen, f"order {number} is missing") for number in range(5)]
    await die(frozen, "the bank refused")
    large, small = await groups(frozen)
    of_large = JobFilter(state=State.DEAD, fingerprint=large.fingerprint)
    found = await frozen.queries.list_jobs(of_large, 10, None)
    assert [job.id for job in found.items] == ids[::-1]
    assert {job.fingerprint for job in found.items} == {large.fingerprint}
    assert await frozen.bulk_actions.count(BulkSpec("retry", of_large)) == (5, True)
    pages = await frozen.queries.list_jobs(of_large, 3, None)
    rest = await frozen.queries.list_jobs(of_large, 3, pages.next_cursor)
    assert [job.id for job in (*pages.items, *rest.items)] == ids[::-1]
    await frozen.bulk_actions.create(IDS.new("act"), BulkSpec("retry", of_large), None)
    while await frozen.bulk_batches.work() is not None:
        frozen.scripts.now = str(int(frozen.scripts.now) + 100)
    assert [group.fingerprint for group in await groups(frozen)] == [small.fingerprint]


async def test_causes_beyond_the_limit_share_a_group(frozen: Namespace) -> None:
    await die(frozen, "one")
    redis, key = frozen.scripts.redis, keys.dead_groups(frozen.scripts.prefix)
    others = [f"{number:016x}" for number in range(1, 499)]
    await redis.zadd(key, dict.fromkeys(others, 1))
    for word in ("two", "three", "four", "one"):
        await die(frozen, word)
    await redis.zrem(key, *others)
    found = {group.message: group.count for group in await groups(frozen)}
    assert found == {"one": 2, "two": 1, None: 2}
    (other,) = [group for group in await groups(frozen) if group.message is None]
    assert (other.name, other.fingerprint) == (None, "0" * 16)


async def test_pages_follow_each_other_in_every_order(frozen: Namespace) -> None:
    for number, word in enumerate(("one", "two", "three", "four")):
        for _ in range(number % 2 + 1):
            await die(frozen, word)
        frozen.scripts.now = str(int(frozen.scripts.now) + 1_000)
    found = await frozen.dead_letter_groups.all()
    orders: tuple[Any, ...] = ("count", "last_seen", "first_seen")
    for order in orders:
        first = page_of(found, order, 3, None)
        rest = page_of(found, order, 3, first.next_cursor)
        assert len({group.fingerprint for group in (*first.items, *rest.items)}) == 4
        assert rest.next_cursor is None
