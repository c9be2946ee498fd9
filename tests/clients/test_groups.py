"""Flows and fan-outs: each method, against the API."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

import triage_client
from service.domain.job import Job
from service.domain.outcome import Outcome, Succeeded
from service.store.namespace import Namespace
from tests.clients.working import work
from tests.support.factories import HOPELESS
from triage_client import AsyncTriage, job_spec

ROWS: list[dict[str, Any]] = [{"n": n} for n in range(7)]


def echo(job: Job) -> Outcome:
    return Succeeded(job.payload)


def odd_dies(job: Job) -> Outcome:
    return HOPELESS if (job.fan_out_index or 0) % 2 else Succeeded(job.payload)


async def test_a_flow_runs_its_jobs_in_order(triage: AsyncTriage, store: Namespace) -> None:
    flow = await triage.flow(
        "invoice",
        {"fetch-items": job_spec("work", {"n": 1}), "plain": "work", "node": {"job": {"name": "work"}}},
        tax=job_spec("work", {"n": 2}, depends_on="fetch-items"),
        invoice=job_spec("work", depends_on=["tax", {"key": "plain", "when": "finished"}]),
        on_failure="continue",
        deadline_seconds=600,
    )
    assert (flow.name, flow.state, flow.counts["total"]) == ("invoice", "running", 5)
    edges = {(row["from"], row["to"], row["when"]) for row in (await flow.graph())["edges"]}
    assert ("plain", "invoice", "finished") in edges
    assert len(edges) == 3
    await work(store, echo)
    assert (await flow.wait(5)).state == "succeeded"
    assert await flow.job("tax").result(5) == {"n": 2}
    with pytest.raises(KeyError, match="no job 'taxes': it has fetch-items, invoice, node, plain, tax"):
        flow.job("taxes")
    assert len([job async for job in flow.jobs()]) == 5
    assert [row.id async for row in triage.flows()] == [flow.id]
    with pytest.raises(triage_client.InvalidState):
        await flow.retry()
    await (await triage.get_flow(flow.id)).delete()


async def test_a_flow_is_cancelled_and_retried(triage: AsyncTriage) -> None:
    flow = await triage.flow("one", only="work", idempotency_key="flow-1")
    assert (await triage.flow("one", only="work", idempotency_key="flow-1")).id == flow.id
    await flow.cancel(grace_seconds=1)
    assert (await flow.wait(5)).state == "cancelled"
    assert (await triage.flow_by_id(flow.id).retry()).state == "running"
    with pytest.raises(triage_client.FlowInvalid, match=r"a -> b -> a|b -> a -> b"):
        await triage.flow("circle", a=job_spec("work", depends_on="b"), b=job_spec("work", depends_on="a"))
    with pytest.raises(ValueError, match="work has depends_on, which only jobs of a flow"):
        await triage.submit_many([job_spec("work", depends_on="b")])


async def test_a_fan_out_fits_into_one_request(triage: AsyncTriage, store: Namespace) -> None:
    fan_out = await triage.fan_out(
        "work", ROWS, then="work", priority=5, payload={"all": True}, failure_tolerance={"percent": 60}
    )
    assert (fan_out.state, fan_out.progress, fan_out.data["sealed"]) == ("running", (0, 7), True)
    assert fan_out.then_job is not None
    assert (await fan_out.then_job.refresh()).state == "blocked"
    await work(store, odd_dies)
    assert (await fan_out.wait(5)).state == "succeeded"
    assert fan_out.progress == (7, 7)
    results = [row async for row in fan_out.results()]
    assert [row["result"] for row in results[::2]] == [{"all": True, "n": n} for n in (0, 2, 4, 6)]
    assert [row["index"] async for row in fan_out.results(state="dead", from_index=2)] == [3, 5]
    assert {job.data["priority"] async for job in fan_out.jobs(state="dead")} == {5}
    assert (await fan_out.retry()).state == "running"
    await work(store, echo)
    assert (await fan_out.wait(5)).counts["succeeded"] == 7
    assert [row.id async for row in triage.fan_outs()] == [fan_out.id]
    await (await triage.get_fan_out(fan_out.id)).delete()


async def as_they_come() -> AsyncIterator[dict[str, Any]]:
    for row in ROWS:
        yield row


@pytest.mark.parametrize("count", [0, 3, 4, 6, 7])
async def test_rows_are_sent_in_chunks(triage: AsyncTriage, store: Namespace, count: int) -> None:
    sent: list[int] = []
    fan_out = await triage.fan_out("work", iter(ROWS[:count]), chunk=3, on_sent=sent.append)
    await work(store, echo)
    assert (await fan_out.wait(5)).state == "succeeded"
    assert [row["result"] async for row in fan_out.results()] == ROWS[:count]
    assert sent == {0: [0], 3: [3, 3], 4: [3, 4], 6: [3, 6, 6], 7: [3, 6, 7]}[count]


async def test_rows_can_come_from_an_async_iterable(triage: AsyncTriage) -> None:
    fan_out = await triage.fan_out("work", as_they_come(), chunk=2)
    assert fan_out.counts["total"] == 7
    assert fan_out.data["sealed"]


def until_row(last: int) -> Iterator[dict[str, Any]]:
    yield from ROWS[:last]
    raise ConnectionError("the source of the rows is gone")


async def test_an_interrupted_fan_out_continues_with_its_key(
    triage: AsyncTriage, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConnectionError):
        await triage.fan_out("work", until_row(5), chunk=2, idempotency_key="rows-1")
    await work(store, echo)
    requests: list[httpx.Request] = []
    client = triage.http._client
    monkeypatch.setattr(client, "event_hooks", {"request": [_recorder(requests)], "response": []})
    fan_out = await triage.fan_out("work", iter(ROWS), chunk=2, idempotency_key="rows-1")
    await work(store, echo)
    assert (await fan_out.wait(5)).counts["succeeded"] == 7
    starts = [request.content[:17] for request in requests if request.url.path.endswith("/items")]
    # The first chunk again, to learn what is there; the second is there.
    assert starts == [b'{"start_index":0,', b'{"start_index":4,', b'{"start_index":6,']
    assert (await triage.fan_out("work", iter(ROWS), chunk=2, idempotency_key="rows-1")).id == fan_out.id


def _recorder(requests: list[httpx.Request]) -> Any:
    async def record(request: httpx.Request) -> None:
        requests.append(request)

    return record


async def test_an_interrupted_fan_out_without_a_key_is_cancelled(triage: AsyncTriage) -> None:
    with pytest.raises(ConnectionError):
        await triage.fan_out("work", until_row(5), chunk=2)
    (left,) = [row async for row in triage.fan_outs()]
    assert (await left.wait(5)).state == "cancelled"


async def test_invalid_rows_are_named_and_the_fan_out_is_cancelled(triage: AsyncTriage) -> None:
    rows = [*ROWS[:3], {"payload": {"n": 3}, "priority": 5000}]
    with pytest.raises(triage_client.ItemsRejected, match="item 3/priority") as caught:
        await triage.fan_out("work", rows, chunk=2)
    assert (await (await triage.get_fan_out(caught.value.fan_out_id)).wait(5)).state == "cancelled"
    with pytest.raises(triage_client.ValidationFailed, match="/items/3/priority"):
        await triage.fan_out("work", rows)
    with pytest.raises(ValueError, match="chunk is 6000: use 1 to 5,000"):
        await triage.fan_out("work", rows, chunk=6000)
    fan_out = await triage.fan_out("work", ROWS)
    assert (await (await fan_out.cancel(grace_seconds=0)).wait(5)).state == "cancelled"
