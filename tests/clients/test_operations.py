"""Queues, schedules and workers: each method, against the API."""

import pytest

import triage_client
from service.clock import Clock
from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from tests.support.factories import limit
from tests.support.worker_records import WORKER
from tests.support.worker_records import worker as record
from triage_client import AsyncTriage, job_spec


async def test_a_queue_is_paused_changed_and_purged(triage: AsyncTriage) -> None:
    await triage.submit_many([job_spec("work", queue="bulk")] * 3)
    queue = triage.queue("bulk")
    assert (await queue.pause()).paused
    assert (await queue.pause("work")).data["paused_job_types"] == ["work"]
    assert not (await queue.resume()).paused
    await queue.resume("work")
    await queue.update(
        max_concurrency=4, rate_limit={"limit": 10, "per_seconds": 1}, if_match=queue.data["version"]
    )
    assert (queue.data["max_concurrency"], queue.counts["queued"]) == (4, 3)
    assert (await queue.update(rate_limit=None)).data["rate_limit"] is None
    with pytest.raises(triage_client.QueueNotEmpty):
        await queue.delete()
    assert await queue.purge() == 3
    assert [row.name async for row in triage.queues()] == ["bulk"]
    assert [row.name async for row in triage.queues(order="attention", limit=1)] == ["bulk"]
    with pytest.raises(triage_client.NotFound):
        await triage.get_queue("never-used")


async def test_an_empty_queue_is_deleted(triage: AsyncTriage, store: Namespace) -> None:
    await limit(store, "old", max_concurrency=1)
    assert (await triage.get_queue("old")).name == "old"
    await triage.queue("old").delete()
    assert [row.name async for row in triage.queues()] == []


async def test_a_schedule_is_put_run_paused_and_deleted(triage: AsyncTriage) -> None:
    job = job_spec("work", {"n": 1})
    schedule = await triage.put_schedule("nightly", job, cron="30 2 * * *", timezone="Europe/Berlin")
    assert schedule.next_run_at is not None
    assert not schedule.paused
    version = schedule.data["version"]
    changed = await triage.put_schedule("nightly", job, every_seconds=60, overlap="skip", if_match=version)
    assert changed.data["every_seconds"] == 60
    with pytest.raises(triage_client.VersionMismatch):
        await triage.put_schedule("nightly", "work", every_seconds=60, if_match=version)
    runs = [await schedule.run_now(idempotency_key="now-1") for _ in range(2)]
    assert runs[0].id == runs[1].id
    assert runs[0].data["payload"] == {"n": 1}
    assert (await schedule.pause()).paused
    assert not (await schedule.resume()).paused
    assert (await triage.get_schedule("nightly")).name == "nightly"
    assert [row.id async for row in triage.schedules()] == ["nightly"]
    await schedule.delete()
    with pytest.raises(triage_client.NotFound):
        await triage.schedule("nightly").refresh()


async def test_workers_are_listed_and_drained(triage: AsyncTriage, store: Namespace) -> None:
    await store.workers.register(record(Clock().now_ms()), [JobType("work")])
    assert [row.id async for row in triage.workers()] == [WORKER]
    worker = await triage.get_worker(WORKER)
    assert worker.state == "running"
    assert (await triage.worker(WORKER).drain()).data["host"] == "host"
    assert [row["name"] for row in await triage.job_types()] == ["work"]


async def test_an_audit_is_requested_and_read(triage: AsyncTriage) -> None:
    assert (await triage.request_audit())["requested_at"] is not None
    found = await triage.audit()
    assert (found["report"], found["requested_at"] is None) == (None, False)


async def test_any_other_request_has_the_same_errors(triage: AsyncTriage) -> None:
    assert (await triage.request("GET", "/readyz"))["status"] == "ok"
    assert (await triage.request("POST", "/v1/jobs", body={"name": "work"}))["state"] == "queued"
    with pytest.raises(triage_client.UnknownParameter):
        await triage.request("GET", "/v1/jobs", parameters={"colour": "red"})
