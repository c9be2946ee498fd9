"""Submitting a flow: atomic even if the submitter dies, and once per idempotency key."""

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

from service.clock import Clock
from service.domain.errors import BackendUnavailable, IdempotencyKeyReused
from service.domain.flow import When, job_ids
from service.domain.job_cost import BATCH
from service.domain.states import State
from service.store.groups import flows
from service.store.groups.flows import spec_arguments
from service.store.jobs import Idempotency
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.flows import IDS, create, spec_of
from tests.support import factories
from tests.support.factories import claim

pytestmark = pytest.mark.anyio


async def test_staged_jobs_are_invisible_and_expire(store: Namespace) -> None:
    spec = spec_of({"a": {}, "b": {"a": "succeeded"}})
    id = IDS.new("flow", members=2)
    jobs = job_ids(id, spec)
    rows = [value for key in jobs for value in (jobs[key], key, *spec_arguments(spec.nodes[key].spec, id))]
    await store.scripts.run("stage_flow_jobs", [id, 0, *rows])
    await store.scripts.run("link_flow_jobs", [id, 2, "", jobs["b"], jobs["a"], "a", 0])
    assert await store.groups.get(id) is None
    assert await store.queries.jobs(list(jobs.values())) == [None, None]
    assert (await claim(store)).leases == []
    assert (await store.jobs.cancel(list(jobs.values()), 0))[0].result == "missing"
    store.scripts.now = "99999999999999"
    await store.group_tasks.forget_ended()
    store.scripts.now = ""
    assert [key async for key in store.scripts.redis.scan_iter(f"{store.scripts.prefix}*flow*")] == []
    assert (
        await store.scripts.redis.exists(*(keys.job(store.scripts.prefix, id=job) for job in jobs.values()))
        == 0
    )
    head = [id, 0, 2, "flow", "fail", 1, "", "", 1, 1000, "default", jobs["a"]]
    assert (await store.scripts.run("commit_flow", [*head, *jobs.values()]))[0] == b"missing"


@pytest.mark.parametrize("edges", [True, False])
async def test_a_flow_whose_last_staging_was_lost_in_a_failover_is_not_committed(
    store: Namespace, edges: bool
) -> None:
    spec = spec_of({"a": {}, "b": {"a": "succeeded"} if edges else {}})
    id = IDS.new("flow", members=2)
    jobs = job_ids(id, spec)
    run = store.scripts.run

    async def lose(name: str, arguments: Sequence[Any], now: str = "") -> Any:
        if name == "commit_flow":
            part = keys.waits if edges else keys.job
            await store.scripts.redis.unlink(part(store.scripts.prefix, id=jobs["b"]))
        return await run(name, arguments, now)

    with mock.patch.object(store.scripts, "run", lose), pytest.raises(BackendUnavailable):
        await store.flows.create(id, spec, None)
    assert await store.groups.get(id) is None
    assert (await claim(store)).leases == []


@pytest.mark.parametrize(
    ("command", "calls", "lost"),
    [("stage_flow_jobs", 1, "*"), ("stage_flow_jobs", 3, "*"), ("link_flow_jobs", 1, "*:waits")],
)
async def test_a_failover_between_two_calls_leaves_no_part_of_a_flow(
    store: Namespace, monkeypatch: pytest.MonkeyPatch, command: str, calls: int, lost: str
) -> None:
    monkeypatch.setattr(flows, "portions", lambda specs: [1 for _ in specs])  # type: ignore[misc]
    monkeypatch.setattr(flows, "LINKS", 1)
    redis, run, seen = store.scripts.redis, store.scripts.run, list[str]()

    async def lose(name: str, arguments: Sequence[Any], now: str = "") -> Any:
        reply = await run(name, arguments, now)
        seen.append(name)
        if name == command and seen.count(command) == calls:
            await redis.unlink(*[key async for key in redis.scan_iter(f"{store.scripts.prefix}{lost}")])
        return reply

    with mock.patch.object(store.scripts, "run", lose), pytest.raises(BackendUnavailable):
        await create(store, spec_of({"a": {}, "b": {"a": "succeeded"}, "c": {"b": "succeeded"}}))
    assert "commit_flow" not in seen
    # The duty that deletes what was staged too long ago finds all of it.
    store.scripts.now = "99999999999999"
    await store.group_tasks.forget_ended()
    left = [key.decode() async for key in redis.scan_iter(f"{store.scripts.prefix}*job_*")]
    assert left == []


async def test_a_committed_flow_leaves_no_task_and_nothing_staged(
    store: Namespace,
) -> None:
    id, _ = await create(store, spec_of({f"j{n}": {} for n in range(BATCH)}))
    assert await store.scripts.redis.zcard(keys.tasks(store.scripts.prefix)) == 0
    store.scripts.now = str(Clock().now_ms() + factories.DAY)
    await store.group_tasks.forget_ended()
    store.scripts.now = ""
    group = await store.groups.get(id)
    assert group is not None
    assert group.counts[State.QUEUED] == BATCH
    assert len((await claim(store, BATCH)).leases) > 0


async def test_workers_finish_committing_a_large_flow_whose_submitter_died(
    store: Namespace,
) -> None:
    names = [f"j{n}" for n in range(1_200)]
    edges: dict[str, dict[str, When]] = {
        name: {names[n - 1]: "succeeded"} if n else {} for n, name in enumerate(names)
    }
    spec, id = spec_of(edges), IDS.new("flow", members=1_200)
    flows = store.flows
    sent: list[str] = []

    async def die_in_the_middle(name: str, arguments: Any, now: str = "") -> object:
        sent.append(name)
        if sent.count("commit_flow") == 2:
            raise ConnectionError
        return await original(name, arguments, now)

    original, store.scripts.run = store.scripts.run, die_in_the_middle  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        await flows.create(id, spec, None)
    store.scripts.run = original  # type: ignore[method-assign]
    group = await store.groups.get(id)
    assert group is not None
    assert (group.total, group.counts[State.BLOCKED]) == (1_200, 1_200)
    assert (await claim(store)).leases == [], "a job ran before all of its dependents existed"
    await store.group_tasks.work()
    assert len((await claim(store, 5)).leases) == 1


async def test_an_idempotency_key_gives_one_flow_and_the_first_response(store: Namespace) -> None:
    spec = spec_of({"a": {}, "b": {"a": "succeeded"}})
    found = await asyncio.gather(
        *(
            store.flows.create(IDS.new("flow", members=2), spec, Idempotency("flows", "key", "body"))
            for _ in range(20)
        )
    )
    assert len({admission.flow.id for admission in found}) == 1
    assert sorted(admission.replayed for admission in found) == [False, *[True] * 19]
    assert len({str(admission.jobs) for admission in found}) == 1
    with pytest.raises(IdempotencyKeyReused):
        await store.flows.create(IDS.new("flow", members=2), spec, Idempotency("flows", "key", "other"))
    assert len((await claim(store, 50)).leases) == 1
