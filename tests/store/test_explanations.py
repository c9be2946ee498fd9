"""Each reason why a job is where it is holds when it is given, and is gone when it no longer holds."""

from typing import Any

import pytest

from service.api.schemas.explanations import ReasonOut
from service.domain.catalogue import JobType
from service.domain.explanation import Explanation
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job_spec import JobSpec, Unique
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.groups.fan_outs import follow_up_id
from service.store.namespace import Namespace
from tests.support.factories import (
    BROKEN,
    IDS,
    LATER,
    OK,
    QUICK,
    claim,
    finish,
    job_in,
    limit,
    new_id,
    register_worker,
    submit,
)

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000


@pytest.fixture
async def frozen(stores: Namespace) -> Namespace:
    """Stores at START, with a worker that has plenty of slots for jobs of the type `work`."""
    stores.scripts.now = str(START)
    await register_worker(stores, id="wk_1")
    return stores


def later(stores: Namespace, ms: int) -> None:
    stores.scripts.now = str(START + ms)


async def explained(stores: Namespace, id: str) -> Explanation:
    found = await stores.explanations.of(id)
    assert found is not None
    assert found[0].id == id
    for cause in found[1].causes:
        assert set(cause.facts) <= set(ReasonOut.model_fields), cause
    return found[1]


async def causes(stores: Namespace, id: str) -> dict[str, dict[str, Any]]:
    """Facts by code."""
    return {cause.code: dict(cause.facts) for cause in (await explained(stores, id)).causes}


async def codes(stores: Namespace, id: str) -> list[str]:
    return [cause.code for cause in (await explained(stores, id)).causes]


async def test_a_job_that_does_not_exist_has_no_explanation(stores: Namespace) -> None:
    assert await stores.explanations.of(new_id()) is None


async def test_a_job_that_nothing_holds_back_says_so_and_a_claim_takes_it(frozen: Namespace) -> None:
    id = await submit(frozen)
    order = {"priority": 100, "aging_seconds": 60.0}
    assert await causes(frozen, id) == {"ready": {"queue": "default", "queued": 1, **order}}
    assert (await claim(frozen)).leases[0].job.id == id


async def test_explaining_changes_nothing(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 1_000), max_concurrency=1)
    first, second = await submit(frozen), await submit(frozen)
    await claim(frozen)
    before = await contents(frozen)
    assert len(before) > 10
    for id in (first, second):
        await explained(frozen, id)
    assert await contents(frozen) == before


async def contents(stores: Namespace) -> dict[bytes, Any]:
    redis: Any = stores.scripts.redis
    read = {
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"string": redis.get,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: redis.lrange(key, 0, -1),
    }
    keys = [key async for key in redis.scan_iter(f"{stores.scripts.prefix}*")]
    return {key: await read[await redis.type(key)](key) for key in keys}


async def test_a_paused_queue_and_a_paused_type(frozen: Namespace) -> None:
    id = await submit(frozen, name="work_hard")
    await register_worker(frozen, job_types=("work_hard",))
    await limit(frozen, paused=True)
    await frozen.queues.pause_job_type("default", "work-hard", paused=True)
    assert await codes(frozen, id) == ["queue_paused", "type_paused"]
    await limit(frozen, paused=False)
    assert await causes(frozen, id) == {"type_paused": {"queue": "default", "name": "work_hard"}}
    await frozen.queues.pause_job_type("default", "work_hard", paused=False)
    assert await codes(frozen, id) == ["ready"]


async def test_nobody_serves_the_queue(stores: Namespace) -> None:
    id = await submit(stores)
    await register_worker(stores, queues={"elsewhere": 1})
    await register_worker(stores, seen_at=1_000)
    assert await causes(stores, id) == {"no_worker": {"queue": "default", "draining": 0}}
    await register_worker(stores, state="draining")
    assert await causes(stores, id) == {"no_worker": {"queue": "default", "draining": 1}}
    await register_worker(stores, queues={"default": 1})
    assert await codes(stores, id) == ["ready"]


async def test_nobody_knows_the_type(stores: Namespace) -> None:
    id = await submit(stores)
    await register_worker(stores, job_types=("other",))
    await register_worker(stores, queues={"elsewhere": 1})
    await register_worker(stores, state="draining")
    facts = {"queue": "default", "name": "work", "workers": 1}
    assert await causes(stores, id) == {"unknown_type": facts}
    await register_worker(stores)
    assert await codes(stores, id) == ["ready"]


async def test_all_slots_are_taken_and_one_that_is_freed_counts_before_the_next_heartbeat(
    stores: Namespace,
) -> None:
    await register_worker(stores, id="wk_1", capacity=1)
    await register_worker(stores, id="wk_2", capacity=2)
    await register_worker(stores, id="wk_3", job_types=("other",))
    ids = [await submit(stores) for _ in range(4)]
    lease = (await claim(stores, 1, "wk_1")).leases[0]
    assert "workers_busy" not in await causes(stores, ids[3])
    await claim(stores, 2, "wk_2")
    facts = {"workers": 2, "running": 3, "capacity": 3}
    assert await causes(stores, ids[3]) == {"workers_busy": facts}
    await finish(stores, lease, OK)
    assert await codes(stores, ids[3]) == ["ready"]


async def test_of_very_many_running_jobs_the_heartbeats_tell(
    stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.explanations.COUNTED", 1)
    await register_worker(stores, id="wk_1", capacity=2, running=2)
    ids = [await submit(stores) for _ in range(3)]
    await claim(stores, 2, "wk_1")
    facts = (await causes(stores, ids[2]))["workers_busy"]
    seen_at = facts.pop("seen_at")
    assert seen_at > 1_000_000_000_000
    assert facts == {"workers": 1, "running": 2, "capacity": 2}


async def test_a_type_has_a_limit_of_its_own_on_each_worker(stores: Namespace) -> None:
    await register_worker(stores, id="wk_1", capacity=5)
    await register_worker(stores, id="wk_2", capacity=1, job_types=("work", "other"))
    record = await stores.workers.get("wk_1")
    assert record is not None
    await stores.workers.register(record, [JobType("work", concurrency=1)])
    ids = [await submit(stores) for _ in range(2)]
    await submit(stores, name="other")
    first = (await claim(stores, 1, "wk_1", types={"work": 1})).leases[0]
    assert await codes(stores, ids[1]) == ["ready"]
    await claim(stores, 1, "wk_2", types={"other": None})
    facts = {"name": "work", "workers": 2, "running": 1, "limit": 1}
    assert await causes(stores, ids[1]) == {"type_busy": facts}
    await finish(stores, first, OK)
    assert await codes(stores, ids[1]) == ["ready"]


async def test_the_concurrency_of_a_queue(frozen: Namespace) -> None:
    await limit(frozen, max_concurrency=1)
    first, second = await submit(frozen), await submit(frozen)
    assert await codes(frozen, first) == ["ready"]
    lease = (await claim(frozen)).leases[0]
    facts = {"queue": "default", "running": 1, "limit": 1}
    assert await causes(frozen, second) == {"queue_concurrency": facts}
    await finish(frozen, lease, OK)
    assert await codes(frozen, second) == ["ready"]


@pytest.mark.parametrize("smooth", [False, True])
async def test_the_rate_of_a_queue_says_when_it_opens(frozen: Namespace, smooth: bool) -> None:
    await limit(frozen, rate_limit=RateLimit(2, 1_000, smooth))
    ids = [await submit(frozen) for _ in range(4)]
    await claim(frozen, 2)
    if smooth:
        later(frozen, 500)
        await claim(frozen)
    opens = START + 1_000
    waiting = await explained(frozen, ids[2])
    facts = {"queue": "default", "limit": 2, "per_seconds": 1.0, "until": opens}
    assert [(cause.code, dict(cause.facts)) for cause in waiting.causes] == [("queue_rate", facts)]
    assert waiting.next_at == opens
    # Who comes after it starts at a time that nobody knows.
    behind = await explained(frozen, ids[3])
    assert [cause.code for cause in behind.causes] == ["queue_rate", "jobs_ahead"]
    assert behind.next_at is None
    # A smooth rate gives a job to a worker up to 5 ms ahead of its time.
    later(frozen, 994 if smooth else 999)
    assert (await claim(frozen)).leases == []
    later(frozen, 1_000)
    assert await codes(frozen, ids[2]) == ["ready"]
    assert (await claim(frozen)).leases[0].job.id == ids[2]


async def test_limits_of_a_key_and_its_override(frozen: Namespace) -> None:
    per_key = KeyLimits(max_concurrency=1, rate_limit=RateLimit(1, 2_000))
    await limit(frozen, per_key=per_key, keys={"big": KeyOverride(max_concurrency=3)})
    for key in ("acme", "big"):
        for _ in range(3):
            await submit(frozen, limit_key=key)
    leases = (await claim(frozen, 6)).leases
    assert sorted(lease.job.limit_key or "" for lease in leases) == ["acme", "big"]
    small = await submit(frozen, limit_key="acme", priority=1)
    big = await submit(frozen, limit_key="big", priority=1)
    other = await submit(frozen, limit_key="other")
    whose = {"queue": "default", "limit_key": "acme"}
    rate = {"limit": 1, "per_seconds": 2.0, "until": START + 2_000}
    assert await causes(frozen, small) == {
        "key_concurrency": {**whose, "running": 1, "limit": 1},
        "key_rate": {**whose, **rate},
    }
    assert await causes(frozen, big) == {"key_rate": {**whose, "limit_key": "big", **rate}}
    assert await codes(frozen, other) == ["ready"]
    later(frozen, 2_000)
    assert await codes(frozen, small) == ["key_concurrency"]
    assert await codes(frozen, big) == ["ready"]


@pytest.mark.parametrize("key", [None, "acme"])
async def test_what_a_rate_limited_handler_froze(frozen: Namespace, key: str | None) -> None:
    id = await submit(frozen, limit_key=key)
    lease = (await claim(frozen)).leases[0]
    await finish(frozen, lease, Throttled(5_000))
    found = await explained(frozen, id)
    whose = {"queue": "default", **({"name": "work"} if key is None else {"limit_key": key})}
    code = "type_frozen" if key is None else "key_frozen"
    assert await causes(frozen, id) == {code: {**whose, "until": START + 5_000}}
    assert found.next_at == START + 5_000
    later(frozen, 5_000)
    assert await codes(frozen, id) == ["ready"]


async def test_a_rate_that_opens_before_the_freeze_ends_does_not_hide_it(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 1_000))
    id = await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(5_000))
    assert await codes(frozen, id) == ["queue_rate", "type_frozen"]
    assert (await explained(frozen, id)).next_at == START + 5_000
    later(frozen, 1_000)
    assert await codes(frozen, id) == ["type_frozen"]


async def test_the_limit_of_a_fan_out_and_its_follow_up(frozen: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), whole=False, max_concurrency=1, then=JobSpec("work"))
    await frozen.fan_outs.open(id, spec, 0, None)
    await frozen.fan_outs.fill(id, [Item(index, b"{}") for index in range(2)])
    lease = (await claim(frozen, 5)).leases[0]
    (waiting,) = [
        job.id for job in await frozen.queries.jobs(await member_ids(frozen)) if job and job.state == "queued"
    ]
    assert await causes(frozen, waiting) == {
        "fan_out_concurrency": {"fan_out_id": id, "running": 1, "limit": 1}
    }
    await finish(frozen, lease, OK)
    assert await codes(frozen, waiting) == ["ready"]
    assert await causes(frozen, follow_up_id(id)) == {
        "fan_out": {"total": 1, "waits_for": [{"id": id, "key": None, "state": "open"}]}
    }


async def member_ids(stores: Namespace) -> list[str]:
    queued = f"{stores.scripts.prefix}queue:default|queued"
    found = (await stores.queries.pipeline(lambda pipe: pipe.zrange(queued, 0, -1)))[0]
    return [id.decode() for id in found]


async def test_jobs_before_it_are_those_of_its_lane(frozen: Namespace) -> None:
    await limit(frozen, priority_aging_ms=None)
    for priority in (1, 100, 200):
        await submit(frozen, priority=priority)
    await submit(frozen, name="other", priority=1)
    await submit(frozen, limit_key="acme", priority=1)
    id = await submit(frozen, priority=150)
    assert await causes(frozen, id) == {"jobs_ahead": {"ahead": 2, "priority": 150, "aging_seconds": None}}


async def test_several_reasons_hold_at_once(stores: Namespace) -> None:
    await limit(stores, paused=True, max_concurrency=1)
    for _ in range(2):
        await submit(stores)
    await limit(stores, paused=False)
    await claim(stores)
    await limit(stores, paused=True)
    id = await submit(stores)
    assert await codes(stores, id) == ["queue_paused", "no_worker", "queue_concurrency", "jobs_ahead"]


async def test_a_scheduled_job_waits_for_its_time_and_then_for_any_worker(frozen: Namespace) -> None:
    id = await submit(frozen, delay_ms=5_000)
    found = await explained(frozen, id)
    assert [(cause.code, dict(cause.facts)) for cause in found.causes] == [
        ("scheduled", {"until": START + 5_000})
    ]
    assert found.next_at == START + 5_000
    later(frozen, 5_000)
    assert await causes(frozen, id) == {"due": {"until": START + 5_000}}


async def test_nobody_queues_what_is_due_where_no_worker_lives(stores: Namespace) -> None:
    stores.scripts.now = str(START)
    id = await submit(stores, delay_ms=1)
    await register_worker(stores, state="draining")
    later(stores, 1)
    assert await causes(stores, id) == {"due": {"until": START + 1}, "no_live_worker": {"draining": 1}}
    await register_worker(stores, queues={"elsewhere": 1}, job_types=("other",))
    assert await codes(stores, id) == ["due"]


async def test_a_snoozed_job_is_scheduled_and_a_failed_one_says_what_failed(frozen: Namespace) -> None:
    first, second = await submit(frozen), await submit(frozen)
    for lease, outcome in zip((await claim(frozen, 2)).leases, (LATER, BROKEN), strict=True):
        await finish(frozen, lease, outcome)
    assert await causes(frozen, first) == {"scheduled": {"until": START + 60_000}}
    facts = {"until": START + 60_000, "attempt": 1, "max_attempts": 3, "error_type": "ValueError"}
    assert await causes(frozen, second) == {"retrying": facts}


@pytest.mark.parametrize("field", ["expires", "deadline"])
async def test_a_job_that_time_has_overtaken_is_about_to_be_buried(frozen: Namespace, field: str) -> None:
    given: dict[str, Any] = {f"{field}_ms": 1_000}
    queued, scheduled = await submit(frozen, **given), await submit(frozen, delay_ms=9_000, **given)
    assert await codes(frozen, queued) == ["ready"]
    later(frozen, 1_000)
    reason = "expired" if field == "expires" else "deadline"
    for id in (queued, scheduled):
        facts = {"state_reason": reason, "until": START + 1_000}
        assert await causes(frozen, id) == {"overdue": facts}
    await frozen.leases.sweep()
    assert (await causes(frozen, queued))["dead"]["state_reason"] == reason


async def test_a_job_of_a_flow_names_what_it_waits_for(frozen: Namespace) -> None:
    nodes = {
        "first": Node(JobSpec("work")),
        "second": Node(JobSpec("work", delay_ms=60_000)),
        "last": Node(JobSpec("work"), (Edge("first"), Edge("second", "finished"))),
    }
    spec = FlowSpec("flow", nodes)
    flow = IDS.new("flow", members=3)
    await frozen.flows.create(flow, spec, None)
    ids = job_ids(flow, spec)
    first = {"id": ids["first"], "key": "first", "state": "queued"}
    second = {"id": ids["second"], "key": "second", "state": "scheduled"}
    assert await causes(frozen, ids["last"]) == {"dependencies": {"total": 2, "waits_for": [first, second]}}
    await finish(frozen, (await claim(frozen)).leases[0], OK)
    assert await causes(frozen, ids["last"]) == {"dependencies": {"total": 1, "waits_for": [second]}}


async def test_of_many_dependencies_twenty_are_named(frozen: Namespace) -> None:
    nodes = {f"n{number}": Node(JobSpec("work")) for number in range(30)}
    spec = FlowSpec("flow", {**nodes, "last": Node(JobSpec("work"), tuple(Edge(key) for key in nodes))})
    flow = IDS.new("flow", members=31)
    await frozen.flows.create(flow, spec, None)
    facts = (await causes(frozen, job_ids(flow, spec)["last"]))["dependencies"]
    assert facts["total"] == 30
    assert len({row["id"] for row in facts["waits_for"]}) == 20


async def test_a_parked_job_names_its_children(frozen: Namespace) -> None:
    id = await submit(frozen)
    lease = (await claim(frozen)).leases[0]
    child = new_id()
    assert await frozen.dependencies.park(lease, {"part": Node(JobSpec("work"))}, {"part": child}) == "parked"
    rows = [{"id": child, "key": "part", "state": "queued"}]
    assert await causes(frozen, id) == {"children": {"total": 1, "waits_for": rows}}


async def test_a_job_behind_a_unique_key_names_the_holder(frozen: Namespace) -> None:
    unique = Unique("k", on_conflict="replace")
    holder = await submit(frozen, unique=unique)
    lease = (await claim(frozen)).leases[0]
    behind = await submit(frozen, unique=unique)
    facts = {"holder_id": holder, "holder_state": "running"}
    assert await causes(frozen, behind) == {"unique_holder": facts}
    await finish(frozen, lease, OK)
    assert await codes(frozen, behind) == ["ready"]


async def test_a_running_job_its_lease_and_its_cancel(frozen: Namespace) -> None:
    id = await submit(frozen)
    await claim(frozen, lease_ms=15_000)
    facts = {
        "worker_id": "wk_1", "started_at": START, "lease_until": START + 15_000,
        "attempt": 1, "max_attempts": QUICK.max_attempts,
    }  # fmt: skip
    assert await causes(frozen, id) == {"running": facts}
    await frozen.jobs.cancel([id], 5_000)
    asked = await explained(frozen, id)
    assert dict(asked.causes[1].facts) == {"requested_at": START, "forced_at": START + 5_000}
    await frozen.jobs.cancel([id], 5_000, message="too slow")
    assert (await explained(frozen, id)).causes[1].facts["cancel_message"] == "too slow"
    assert ([cause.code for cause in asked.causes], asked.next_at) == (
        ["running", "cancel_requested"],
        START + 5_000,
    )
    later(frozen, 15_000)
    assert (await codes(frozen, id))[0] == "lease_expired"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED, State.DEAD])
async def test_an_end_says_how_it_came(frozen: Namespace, state: State) -> None:
    id, _ = await job_in(frozen, state)
    (cause,) = (await explained(frozen, id)).causes
    ended = {"finished_at": START}
    if state is State.DEAD:
        ended |= {
            "state_reason": "non_retryable", "attempt": 1, "max_attempts": 3, "crashes": 0,
            "error_type": "ValueError", "retry": f"/v1/jobs/{id}/retry",
        }  # fmt: skip
    if state is State.CANCELLED:
        ended |= {"state_reason": "requested"}
    assert (cause.code, dict(cause.facts)) == (state.value, ended)
