"""One script call does a limited amount of work, however many jobs it is given and whatever they cause."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from service.domain.bulk_action import BulkSpec, Verb
from service.domain.flow import Edge, Node
from service.domain.job import Lease
from service.domain.job_cost import portions
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, RateLimit
from service.domain.states import State
from service.domain.webhook import MAX_ENDPOINTS, Secret
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store import schedules
from tests.store.children import add_children, child, parent
from tests.store.flows import create, spec_of
from tests.store.times import START
from tests.support import factories
from tests.support.factories import DAY, HOPELESS, OK, claim, ending, new_id, state_of

pytestmark = pytest.mark.anyio

MANY = 60


class Calls:
    """The calls of one command: how many rows each returned."""

    def __init__(self, store: Namespace, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.rows: list[int] = []
        run = store.scripts.run

        async def counted(given: str, arguments: Sequence[Any], now: str = "") -> Any:
            reply = await run(given, arguments, now)
            if given == name:
                self.rows.append(len(reply) if isinstance(reply, list) else 1)
            return reply

        monkeypatch.setattr(store.scripts, "run", counted)


async def watched(store: Namespace) -> None:
    """Every end of a job is a delivery to each endpoint."""
    for number in range(MAX_ENDPOINTS):
        await store.webhooks.create(f"wh_{number}", "http://example.com/", ["*"], "", Secret("s"))


async def submit(store: Namespace, count: int = MANY, **fields: Any) -> list[str]:
    given: Any = {"name": "work", **fields}
    specs = [JobSpec(**given) for _ in range(count)]
    return [found.job_id for found in await store.jobs.submit([Submission(new_id(), s) for s in specs])]


async def count(store: Namespace, state: State, queue: str = "default") -> int:
    return int(await store.scripts.redis.zcard(keys.state(store.scripts.prefix, queue=queue, state=state)))


async def test_a_call_finishes_fewer_runs_if_each_causes_deliveries(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(store, 2 * MANY)
    calls = Calls(store, monkeypatch, "finish")
    first, second = (await claim(store, MANY)).leases, (await claim(store, MANY)).leases
    assert set(await store.leases.finish([ending(lease, OK) for lease in first])) == {"moved"}
    assert calls.rows == [MANY]
    await watched(store)
    calls.rows.clear()
    assert await store.leases.finish([ending(lease, OK) for lease in second]) == ["moved"] * MANY
    assert sum(calls.rows) == MANY
    assert max(calls.rows) <= 10


@pytest.mark.parametrize(("verb", "state"), [("cancel", State.CANCELLED), ("delete", None)])
async def test_a_bulk_action_continues_where_a_call_has_stopped(
    store: Namespace, monkeypatch: pytest.MonkeyPatch, verb: Verb, state: State | None
) -> None:
    tags = {f"tag-{number}": "x" for number in range(16)}
    ids = await submit(store, MANY, tags=tags, limit_key="key")
    await watched(store)
    if verb == "delete":
        await store.jobs.cancel(ids, 0)
    calls = Calls(store, monkeypatch, "cancel" if verb == "cancel" else "prune")
    id = factories.IDS.new("act")
    await store.bulk_actions.create(id, BulkSpec(verb, JobFilter(name="work")), None)
    while (wait := await store.bulk_batches.work()) is not None:
        store.scripts.now = str(int(store.scripts.now or await store.queries.now()) + wait)
    action = await store.bulk_actions.get(id)
    assert action is not None
    assert (action.state, action.succeeded, action.skipped) == ("succeeded", MANY, 0)
    assert len(calls.rows) >= (6 if verb == "cancel" else 2)
    found = await store.queries.jobs(ids)
    assert {None if job is None else job.state for job in found} == {state}


async def test_a_bulk_action_in_a_flow_continues_as_well(store: Namespace) -> None:
    await watched(store)
    id, _ = await create(store, spec_of({f"j{number}": {} for number in range(MANY)}))
    action_id = factories.IDS.new("act")
    await store.bulk_actions.create(action_id, BulkSpec("cancel", JobFilter(group_id=id)), None)
    while (wait := await store.bulk_batches.work()) is not None:
        store.scripts.now = str(int(store.scripts.now or await store.queries.now()) + wait)
    action = await store.bulk_actions.get(action_id)
    assert action is not None
    assert (action.state, action.succeeded, action.skipped) == ("succeeded", MANY, 0)


async def test_jobs_that_expire_together_end_in_several_calls(store: Namespace, at: int) -> None:
    await submit(store, expires_ms=1_000)
    await watched(store)
    store.scripts.now = str(at + 2_000)
    ended, next_ms = await store.leases.expire_jobs()
    assert (ended <= 10, next_ms) == (True, 0)
    while next_ms == 0:
        _, next_ms = await store.leases.expire_jobs()
    assert await count(store, State.DEAD) == MANY


async def test_claims_bury_a_limited_number_of_expired_jobs(store: Namespace, at: int) -> None:
    await submit(store, 1_000, expires_ms=1_000)
    last = (await submit(store, 1))[0]
    store.scripts.now = str(at + 2_000)
    found = await claim(store, 10)
    assert (found.leases, found.more) == ([], True)
    assert 0 < await count(store, State.DEAD) <= 200
    while not found.leases:
        found = await claim(store, 10)
    assert [lease.job.id for lease in found.leases] == [last]


async def test_a_claim_opens_a_limited_number_of_lanes(store: Namespace, at: int) -> None:
    await factories.limit(store, per_key=KeyLimits(rate_limit=RateLimit(1, 1_000)))
    for key in range(20):
        await submit(store, 1, limit_key=f"key-{key}")
    await store.leases.finish([ending(lease, OK) for lease in (await claim(store, 20)).leases])
    for kind in range(50):
        for key in range(20):
            await submit(store, 1, name=f"kind-{kind}", limit_key=f"key-{key}")
    store.scripts.now = str(at + 2_000)
    opened: list[int] = []
    for _ in range(5):
        await claim(store)
        opened.append(sum([await _open_lanes(store, f"kind-{kind}") for kind in range(50)]))
    assert opened == [300, 600, 900, 1_000, 1_000]


async def _open_lanes(store: Namespace, name: str) -> int:
    return int(await store.scripts.redis.zcard(keys.lanes(store.scripts.prefix, queue="default", name=name)))


async def test_expensive_jobs_are_submitted_in_several_calls(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(store, monkeypatch, "submit")
    await submit(store, 500)
    assert calls.rows == [500]
    calls.rows.clear()
    await submit(store, 500, tags={f"tag-{number}": "x" for number in range(16)}, limit_key="key")
    assert (sum(calls.rows), max(calls.rows) <= 100) == (500, True)
    assert list(portions([(JobSpec("work", payload=b"x" * 400_000), 0)] * 5)) == [2, 2, 1]


async def test_a_flow_is_admitted_in_portions_by_their_cost(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(store, monkeypatch, "commit_flow")
    fields: Any = {"tags": {f"tag-{number}": "x" for number in range(16)}, "limit_key": "key"}
    id, _ = await create(store, spec_of({f"j{number}": {} for number in range(200)}, **fields))
    assert len(calls.rows) >= 2
    await store.group_tasks.work()
    group = await store.groups.get(id)
    assert group is not None
    assert group.counts[State.QUEUED] == 200


async def test_many_children_come_in_several_calls(store: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = await parent(store)
    calls = Calls(store, monkeypatch, "wait_for_children")
    nodes = _family(300)
    ids = await add_children(store, lease, nodes)
    assert len(calls.rows) >= 2
    assert await state_of(store, lease.job.id) == State.BLOCKED
    leases: list[Lease] = []
    while found := (await claim(store, 200, types={"part": None})).leases:
        leases += found
    assert sorted(each.job.id for each in leases) == sorted(ids.values())
    await store.leases.finish([ending(each, OK) for each in leases])
    assert await state_of(store, lease.job.id) == State.QUEUED


def _family(size: int) -> Mapping[str, Node]:
    return {f"child-{number}": child(limit_key="key", tags={"a": "b"}) for number in range(size)}


async def test_a_parent_that_dies_before_the_last_call_cancels_its_children(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await parent(store)
    run = store.scripts.run

    async def broken(name: str, arguments: Sequence[Any], now: str = "") -> Any:
        if name == "wait_for_children" and arguments[3] == 0:
            raise ConnectionError
        return await run(name, arguments, now)

    with monkeypatch.context() as patch:
        patch.setattr(store.scripts, "run", broken)
        with pytest.raises(ConnectionError):
            await add_children(store, lease, _family(300))
    added = await count(store, State.QUEUED)
    assert 0 < added < 300
    await factories.finish(store, lease, HOPELESS)
    await store.group_tasks.work()
    assert await count(store, State.CANCELLED) == added


async def test_a_failover_that_lost_the_call_before_makes_the_run_stale(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await parent(store)
    run, calls = store.scripts.run, 0
    redis: Any = store.scripts.redis

    async def lose(name: str, arguments: Sequence[Any], now: str = "") -> Any:
        nonlocal calls
        reply = await run(name, arguments, now)
        calls += 1
        key = keys.job(store.scripts.prefix, id=lease.job.id)
        if calls == 1:
            before.append(await redis.hget(key, "children_token"))
        elif calls == 2:
            await redis.hset(key, "children_token", before[0])
        return reply

    before: list[bytes] = []
    monkeypatch.setattr(store.scripts, "run", lose)
    nodes = _family(900)
    word = await store.dependencies.wait_for_children(lease, nodes, {key: new_id() for key in nodes})
    assert (word, calls) == ("stale", 3)


async def test_a_child_whose_sibling_has_failed_meanwhile_does_not_run(store: Namespace) -> None:
    lease = await parent(store)
    await add_children(store, lease, {"first": child()})
    found = (await claim(store, types={"part": None})).leases[0]
    await factories.finish(store, found, HOPELESS)
    lease = (await claim(store)).leases[0]
    nodes = {"second": child(Edge("first")), "third": child(Edge("first", "finished"))}
    ids = {"first": found.job.id, **{key: new_id() for key in nodes}}
    await store.dependencies.wait_for_children(lease, nodes, ids)
    assert await state_of(store, ids["second"]) == State.CANCELLED
    assert await state_of(store, ids["third"]) == State.QUEUED


async def test_a_schedule_catches_up_in_several_calls(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules.at(store, 0)
    tags = {f"tag-{number}": "x" for number in range(15)}
    await schedules.put(
        store, catch_up="all", job={"name": "work", "tags": tags, "limit_key": "key", "expires_seconds": DAY}
    )
    schedules.at(store, 100 * schedules.MINUTE)
    calls = Calls(store, monkeypatch, "submit")
    await schedules.fire(store)
    assert len(calls.rows) >= 2
    assert sum(calls.rows) == 100
    assert await count(store, State.QUEUED) == 100
    assert (await schedules.read(store)).next_fire_time == START + 101 * schedules.MINUTE
