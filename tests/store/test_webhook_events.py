"""Every way to end writes its event in the call that ends the job, flow or fan-out."""

import os
from typing import Any

import pytest

from service.clock import Clock
from service.domain.callback import Callback
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import FlowSpec, Node
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.domain.times import rfc3339
from service.domain.webhook import CALLBACKS, event_body
from service.store.namespace import Namespace
from tests.store.webhooks import accept, drain, endpoint, later, lease, succeed
from tests.support.factories import HOPELESS, OK, claim, finish, job_in, submit

pytestmark = pytest.mark.anyio

ALL = ("succeeded", "dead", "cancelled")


async def body(store: Namespace) -> dict[str, Any]:
    """The body of the only event that is due."""
    (leased,) = (await lease(store)).leased
    await accept(store, leased)
    return event_body(leased.delivery, rfc3339)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.DEAD, State.CANCELLED])
async def test_the_end_of_a_job_is_an_event(store: Namespace, state: State) -> None:
    await endpoint(store, "job.*")
    id, _ = await job_in(store, state)
    job = await store.queries.job(id)
    assert job is not None
    event = await body(store)
    assert (event["type"], event["timestamp"]) == (f"job.{state}", rfc3339(job.finished_at))
    assert event["data"] == {
        "id": id,
        "object": "job",
        "version": job.version,
        "name": "work",
        "queue": "default",
        "state": state,
        "state_reason": job.state_reason,
        "error": {"type": "ValueError"} if state is State.DEAD else None,
        "failures": job.failures,
        "flow_id": None,
        "flow_key": None,
        "fan_out_id": None,
        "fan_out_index": None,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at),
        "finished_at": rfc3339(job.finished_at),
    }


async def test_jobs_that_end_without_a_run_have_their_reason(frozen: Namespace) -> None:
    await endpoint(frozen, "job.dead", "job.cancelled")
    expired = await submit(frozen, expires_ms=1_000)
    cancelled = await submit(frozen, delay_ms=60_000)
    later(frozen, 2_000)
    await frozen.leases.expire_jobs()
    await frozen.jobs.cancel([cancelled], 0)
    leased = (await lease(frozen)).leased
    found = {one.delivery.resource: one.delivery.facts.get("state_reason") for one in leased}
    assert found == {expired: "expired", cancelled: "requested"}


@pytest.mark.parametrize(("outcome", "state"), [(OK, "succeeded"), (HOPELESS, "failed")])
async def test_the_end_of_a_flow_is_an_event_after_the_end_of_its_job(
    store: Namespace, outcome: Any, state: str
) -> None:
    await endpoint(store, "flow.*")
    id = IdFactory(Clock().now_ms, os.urandom).new("flow", members=1)
    callback = Callback("https://callback.example/flow", (state,))
    await store.flows.create(id, FlowSpec("invoice", {"a": Node(JobSpec("work"))}, callback=callback), None)
    await finish(store, (await claim(store)).leases[0], outcome)
    leased = (await lease(store)).leased
    assert {one.url for one in leased} == {"https://shop.example/events", "https://callback.example/flow"}
    for one in leased:
        event = event_body(one.delivery, rfc3339)
        assert (event["type"], event["data"]["id"], event["data"]["name"]) == (f"flow.{state}", id, "invoice")
        dead = int(state == "failed")
        assert event["data"]["counts"] == {
            "total": 1, "succeeded": 1 - dead, "dead": dead, "cancelled": 0
        }  # fmt: skip


async def test_the_end_of_a_fan_out_is_an_event_and_items_may_have_callbacks(store: Namespace) -> None:
    await endpoint(store, "fan_out.*")
    id = IdFactory(Clock().now_ms, os.urandom).new("fan", members=MEMBERS)
    template = JobSpec("work", queue="bulk", callback=Callback("https://a.example/item?k=1", ALL))
    callback = Callback("https://a.example/whole", ("succeeded",))
    await store.fan_outs.create(id, FanOutSpec(template, callback=callback), 2, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    await store.fan_outs.seal(id, 2)
    for taken in (await claim(store, slots=2)).leases:
        assert await finish(store, taken, OK) == "moved"
    leased = (await lease(store)).leased
    sent = sorted((one.url, one.delivery.event) for one in leased)
    assert sent == [
        ("https://a.example/item?k=1", "job.succeeded"),
        ("https://a.example/item?k=1", "job.succeeded"),
        ("https://a.example/whole", "fan_out.succeeded"),
        ("https://shop.example/events", "fan_out.succeeded"),
    ]
    data = event_body(leased[-1].delivery, rfc3339)["data"]
    assert (data["name"], data["queue"], data["counts"]["succeeded"]) == ("work", "bulk", 2)
    indexes = {event_body(one.delivery, rfc3339)["data"].get("fan_out_index") for one in leased}
    assert indexes == {0, 1, None}


async def test_pausing_and_resuming_a_queue_are_events_once_each(store: Namespace) -> None:
    await endpoint(store, "queue.*")
    await store.queues.pause("bulk")
    await store.queues.pause("bulk")
    await store.queues.resume("bulk")
    await store.queues.resume("bulk")
    await store.queues.configure("bulk", {"max_depth": 5})
    assert await drain(store) == [("queue.paused", "queue:bulk"), ("queue.resumed", "queue:bulk")]


async def test_a_callback_reports_the_outcomes_that_it_names(store: Namespace) -> None:
    url = f"https://callback.example/done?{'x' * 300}"
    await succeed(store, callback=Callback(url, ("dead",)))
    id = await succeed(store, callback=Callback(url, ("dead", "succeeded")))
    (leased,) = (await lease(store)).leased
    assert (leased.url, leased.delivery.resource, leased.delivery.webhook_id) == (url, id, CALLBACKS)
    job = await store.queries.job(id)
    assert job is not None
    assert job.callback == Callback(url, ("dead", "succeeded"))


async def test_each_end_of_a_job_that_runs_again_is_an_event_of_its_own(store: Namespace) -> None:
    await endpoint(store, "*")
    id, _ = await job_in(store, State.DEAD)
    await store.jobs.redrive([id])
    assert await finish(store, (await claim(store)).leases[0], OK) == "moved"
    assert await drain(store) == [("job.dead", id), ("job.succeeded", id)]


async def test_without_endpoints_and_callbacks_a_finish_writes_nothing_and_sends_no_other_command(
    store: Namespace,
) -> None:
    redis: Any = store.scripts.redis

    async def commands() -> dict[str, int]:
        rows = await redis.info("commandstats")
        return {name: row["calls"] for name, row in rows.items()}

    for _ in range(3):
        await succeed(store)
    leases = []
    for _ in range(20):
        await submit(store)
        leases += (await claim(store)).leases
    before = await commands()
    for taken in leases:
        await finish(store, taken, OK)
    after = await commands()
    # One EXISTS per call, which was there before webhooks.
    assert after["cmdstat_exists"] - before["cmdstat_exists"] == 20
    for name in ("cmdstat_hgetall", "cmdstat_zrangebyscore", "cmdstat_del"):
        assert after.get(name, 0) == before.get(name, 0), name
    counters = {field.decode() for field in await redis.hkeys(f"{store.scripts.prefix}counters")}
    assert not [field for field in counters if field.startswith("deliveries")]
