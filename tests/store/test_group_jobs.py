"""Jobs of flows and fan-outs have the options they were given, whichever script wrote them."""

from dataclasses import replace
from typing import Any

import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, follow_up_id, item_id
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.codec.submissions import created_job
from service.store.namespace import Namespace
from service.store.queues.queue_activity import RATE_INTERVAL_MS
from service.store.redis import keys
from tests.support import factories
from tests.support.factories import DAY, FULL, IDS, OK, claim, finish

pytestmark = pytest.mark.anyio
MINUTE = 60_000
KINDS = ("flow", "item", "follow-up")
SPECS: dict[str, dict[str, Any]] = {
    "full": {},
    "plain": {"tags": {}, "limit_key": None, "expires_ms": None, "deadline_ms": None},
    "delayed": {"delay_ms": MINUTE},
    "expires": {"deadline_ms": None},
    "deadline": {"expires_ms": None},
}


async def made(store: Namespace, kind: str, spec: JobSpec, at: int) -> Job:
    """A job with this spec, as the script of its group writes it."""
    if kind == "flow":
        id = IDS.new("flow", members=1)
        flow = FlowSpec("flow", {"x": Node(spec)})
        await store.flows.create(id, flow, None)
        job = created_job(job_ids(id, flow)["x"], spec, at)
        return replace(job, flow_id=id, flow_key="x")
    id = IDS.new("fan", members=MEMBERS)
    template, then = (spec, None) if kind == "item" else (JobSpec("work"), spec)
    await store.fan_outs.create(id, FanOutSpec(template, then), 1, None)
    payload = spec.payload if kind == "item" else b"{}"
    await store.fan_outs.add_items(id, [Item(0, payload, key="first")])
    if kind == "item":
        job = created_job(item_id(id, 0), spec, at)
        return replace(job, fan_out_id=id, fan_out_index=0, item_key="first")
    job = created_job(follow_up_id(id), spec, at)
    return replace(job, state=State.BLOCKED, run_at=at, queued_at=None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", SPECS)
async def test_a_job_of_a_group_has_the_spec_it_was_given(
    store: Namespace, at: int, kind: str, changes: str
) -> None:
    spec = replace(FULL, **SPECS[changes])
    expected = await made(store, kind, spec, at)
    assert await store.queries.job(expected.id) == expected
    for tag in spec.tags.items():
        page = await store.queries.list_jobs(JobFilter(tags=dict([tag])), 10, None)
        assert [found.id for found in page.items] == [expected.id]
    assert "parts" in await store.queues.names()
    redis: Any = store.scripts.redis
    prefix = store.scripts.prefix
    assert (
        await redis.hget(keys.rates(prefix, queue="parts", interval=str(at // RATE_INTERVAL_MS)), "enqueued")
        == b"1"
    )
    ends = [limit for limit in (spec.expires_ms, spec.deadline_ms) if limit is not None]
    assert await redis.zcard(keys.expiry(prefix)) == bool(ends)
    if not ends:
        return
    assert await store.leases.expire_jobs(now=str(at + min(ends) - 1)) == (0, 1)
    assert (await store.leases.expire_jobs(now=str(at + min(ends))))[0] == 1
    ended = await store.queries.job(expected.id)
    assert ended is not None
    assert (ended.state, ended.state_reason) == (
        State.DEAD,
        "deadline" if spec.expires_ms is None else "expired",
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [-MINUTE, 0, MINUTE])
async def test_a_job_of_a_group_starts_no_earlier_than_its_time(
    store: Namespace, at: int, kind: str, given: int
) -> None:
    expected = await made(store, kind, JobSpec("part", run_at_ms=at + given), at)
    if kind == "follow-up":
        fan = expected.id
        lease = (await claim(store)).leases[0]
        await store.fan_outs.seal(str(lease.job.fan_out_id), 1)
        await finish(store, lease, OK)
        released = await store.queries.job(fan)
        assert released is not None
        late = given > 0
        assert (released.state, released.run_at, released.queued_at) == (
            State.SCHEDULED if late else State.QUEUED,
            at + given if late else at,
            None if late else at,
        )
    else:
        assert await store.queries.job(expected.id) == expected
    store.scripts.now = str(at + max(given, 0))
    leases = (await claim(store, types={"part": None})).leases
    assert [lease.job.id for lease in leases] == [expected.id]


@pytest.mark.parametrize("kind", ["flow", "item"])
async def test_a_job_of_a_group_takes_its_turn_after_older_work_of_its_priority(
    store: Namespace, kind: str
) -> None:
    older = await factories.submit(store, name="part")
    at = Clock().now_ms()
    same = await made(store, kind, JobSpec("part"), at)
    urgent = await made(store, kind, JobSpec("part", priority=10), at)
    order = [(await claim(store, types={"part": None})).leases[0].job.id for _ in range(3)]
    assert order == [urgent.id, older, same.id]


async def test_an_item_may_have_its_own_priority_and_delay(store: Namespace, at: int) -> None:
    id = IDS.new("fan", members=MEMBERS)
    template = JobSpec("part", delay_ms=2 * MINUTE, priority=50)
    await store.fan_outs.create(id, FanOutSpec(template), 4, None)
    items = [
        Item(0, b"{}"),
        Item(1, b"{}", priority=10, delay_ms=0),
        Item(2, b"{}", delay_ms=MINUTE),
        Item(3, b"{}", key="last"),
    ]
    await store.fan_outs.add_items(id, items)
    found = await store.queries.jobs([item_id(id, index) for index in range(4)])
    assert [job and (job.state, job.priority, job.run_at - at, job.item_key) for job in found] == [
        (State.SCHEDULED, 50, 2 * MINUTE, None),
        (State.QUEUED, 10, 0, None),
        (State.SCHEDULED, 50, MINUTE, None),
        (State.SCHEDULED, 50, 2 * MINUTE, "last"),
    ]


@pytest.mark.parametrize("limits", [{"expires_ms": MINUTE}, {"deadline_ms": MINUTE}])
async def test_a_blocked_job_may_expire(store: Namespace, at: int, limits: Any) -> None:
    nodes = {"a": Node(JobSpec("work")), "b": Node(JobSpec("work", tags={"k": "v"}, **limits), (Edge("a"),))}
    id = IDS.new("flow", members=2)
    spec = FlowSpec("flow", nodes, "continue")
    await store.flows.create(id, spec, None)
    await store.leases.expire_jobs(now=str(at + MINUTE))
    group = await store.groups.get(id)
    assert group is not None
    assert (group.counts[State.DEAD], group.counts[State.QUEUED]) == (1, 1)
    assert (await store.jobs.delete([job_ids(id, spec)["b"]]))[0].result == "moved"
    store.scripts.now = str(at + DAY)
    await finish(store, (await claim(store)).leases[0], OK)
    group = await store.groups.get(id)
    assert group is not None
    assert group.state == "failed"
