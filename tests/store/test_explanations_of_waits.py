"""A job that is not queued: its dependencies, the state of its run, or how it finished."""

from typing import Any

import pytest

from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job_spec import JobSpec, Unique
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.explaining import causes, codes, explained, later
from tests.store.times import START
from tests.support.factories import (
    BROKEN,
    IDS,
    LATER,
    OK,
    QUICK,
    claim,
    finish,
    job_in,
    new_id,
    register_worker,
    submit,
)

pytestmark = pytest.mark.anyio


async def test_a_scheduled_job_waits_for_its_time_and_then_for_any_worker(served: Namespace) -> None:
    id = await submit(served, delay_ms=5_000)
    found = await explained(served, id)
    assert [(cause.code, dict(cause.facts)) for cause in found.causes] == [
        ("scheduled", {"until": START + 5_000})
    ]
    assert found.next_at == START + 5_000
    later(served, 5_000)
    assert await causes(served, id) == {"due": {"until": START + 5_000}}


async def test_due_jobs_are_not_queued_where_no_worker_lives(store: Namespace) -> None:
    store.scripts.now = str(START)
    id = await submit(store, delay_ms=1)
    await register_worker(store, state="draining")
    later(store, 1)
    assert await causes(store, id) == {"due": {"until": START + 1}, "no_live_worker": {"draining": 1}}
    await register_worker(store, queues={"elsewhere": 1}, job_types=("other",))
    assert await codes(store, id) == ["due"]


async def test_a_snoozed_job_is_scheduled_and_a_failed_one_says_what_failed(served: Namespace) -> None:
    first, second = await submit(served), await submit(served)
    for lease, outcome in zip((await claim(served, 2)).leases, (LATER, BROKEN), strict=True):
        await finish(served, lease, outcome)
    assert await causes(served, first) == {"scheduled": {"until": START + 60_000}}
    facts = {"until": START + 60_000, "attempt": 1, "max_attempts": 3, "error_type": "ValueError"}
    assert await causes(served, second) == {"retrying": facts}


@pytest.mark.parametrize("field", ["expires", "deadline"])
async def test_a_job_past_its_deadline_is_about_to_be_buried(served: Namespace, field: str) -> None:
    given: dict[str, Any] = {f"{field}_ms": 1_000}
    queued, scheduled = await submit(served, **given), await submit(served, delay_ms=9_000, **given)
    assert await codes(served, queued) == ["ready"]
    later(served, 1_000)
    reason = "expired" if field == "expires" else "deadline"
    for id in (queued, scheduled):
        facts = {"state_reason": reason, "until": START + 1_000}
        assert await causes(served, id) == {"overdue": facts}
    await served.leases.expire_jobs()
    assert (await causes(served, queued))["dead"]["state_reason"] == reason


async def test_a_job_of_a_flow_names_what_it_waits_for(served: Namespace) -> None:
    nodes = {
        "first": Node(JobSpec("work")),
        "second": Node(JobSpec("work", delay_ms=60_000)),
        "last": Node(JobSpec("work"), (Edge("first"), Edge("second", "finished"))),
    }
    spec = FlowSpec("flow", nodes)
    flow = IDS.new("flow", members=3)
    await served.flows.create(flow, spec, None)
    ids = job_ids(flow, spec)
    first = {"id": ids["first"], "key": "first", "state": "queued"}
    second = {"id": ids["second"], "key": "second", "state": "scheduled"}
    assert await causes(served, ids["last"]) == {"dependencies": {"total": 2, "waits_for": [first, second]}}
    await finish(served, (await claim(served)).leases[0], OK)
    assert await causes(served, ids["last"]) == {"dependencies": {"total": 1, "waits_for": [second]}}


async def test_of_many_dependencies_twenty_are_named(served: Namespace) -> None:
    nodes = {f"n{number}": Node(JobSpec("work")) for number in range(30)}
    spec = FlowSpec("flow", {**nodes, "last": Node(JobSpec("work"), tuple(Edge(key) for key in nodes))})
    flow = IDS.new("flow", members=31)
    await served.flows.create(flow, spec, None)
    facts = (await causes(served, job_ids(flow, spec)["last"]))["dependencies"]
    assert facts["total"] == 30
    assert len({row["id"] for row in facts["waits_for"]}) == 20


async def test_a_job_that_waits_for_children_names_them(served: Namespace) -> None:
    id = await submit(served)
    lease = (await claim(served)).leases[0]
    child = new_id()
    assert (
        await served.dependencies.wait_for_children(lease, {"part": Node(JobSpec("work"))}, {"part": child})
        == "waiting"
    )
    rows = [{"id": child, "key": "part", "state": "queued"}]
    assert await causes(served, id) == {"children": {"total": 1, "waits_for": rows}}


async def test_a_job_behind_a_unique_key_names_the_holder(served: Namespace) -> None:
    unique = Unique("k", on_conflict="replace")
    holder = await submit(served, unique=unique)
    lease = (await claim(served)).leases[0]
    behind = await submit(served, unique=unique)
    facts = {"holder_id": holder, "holder_state": "running"}
    assert await causes(served, behind) == {"unique_holder": facts}
    await finish(served, lease, OK)
    assert await codes(served, behind) == ["ready"]


async def test_a_running_job_its_lease_and_its_cancel(served: Namespace) -> None:
    id = await submit(served)
    await claim(served, lease_ms=15_000)
    facts = {
        "worker_id": "wk_1", "started_at": START, "lease_until": START + 15_000,
        "attempt": 1, "max_attempts": QUICK.max_attempts,
    }  # fmt: skip
    assert await causes(served, id) == {"running": facts}
    await served.jobs.cancel([id], 5_000)
    asked = await explained(served, id)
    assert dict(asked.causes[1].facts) == {"requested_at": START, "forced_at": START + 5_000}
    await served.jobs.cancel([id], 5_000, message="too slow")
    assert (await explained(served, id)).causes[1].facts["cancel_message"] == "too slow"
    assert ([cause.code for cause in asked.causes], asked.next_at) == (
        ["running", "cancel_requested"],
        START + 5_000,
    )
    later(served, 15_000)
    assert (await codes(served, id))[0] == "lease_expired"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED, State.DEAD])
async def test_a_finished_job_explains_how_it_finished(served: Namespace, state: State) -> None:
    id, _ = await job_in(served, state)
    (cause,) = (await explained(served, id)).causes
    ended = {"finished_at": START}
    if state is State.DEAD:
        ended |= {
            "state_reason": "non_retryable", "attempt": 1, "max_attempts": 3, "crashes": 0,
            "error_type": "ValueError", "retry": f"/v1/jobs/{id}/retry",
        }  # fmt: skip
    if state is State.CANCELLED:
        ended |= {"state_reason": "requested"}
    assert (cause.code, dict(cause.facts)) == (state.value, ended)
