"""Jobs, dead letters and bulk actions: each method, against the API."""

from datetime import UTC, datetime, timedelta

import pytest

import triage_client
from service.domain.outcome import Failed, Failure
from service.store.namespace import Namespace
from tests.clients.working import work
from tests.support.factories import HOPELESS
from triage_client import AsyncTriage, job_spec


async def test_a_job_from_its_submission_to_its_result(triage: AsyncTriage, store: Namespace) -> None:
    job = await triage.submit(
        "work", {"user_id": "u-1"}, priority=10, tags={"tenant": "acme"}, retry={"max_attempts": 1}
    )
    assert (job.name, job.queue, job.state, job.data["priority"]) == ("work", "default", "queued", 10)
    assert (await job.explain())["job_id"] == job.id
    await work(store)
    assert await job.result(timeout=5) == {"ok": True}
    assert (job.state, job.is_finished, job.error, job.progress) == ("succeeded", True, None, None)
    assert (await job.attempts(), await job.logs()) == ([], [])
    assert (await triage.get_job(job.id)).data == job.data
    await job.delete()
    with pytest.raises(triage_client.NotFound):
        await job.refresh()


async def test_the_same_key_is_the_same_job(triage: AsyncTriage) -> None:
    jobs = [await triage.submit("work", {"n": 1}, idempotency_key="alert-1") for _ in range(2)]
    assert jobs[0].id == jobs[1].id
    with pytest.raises(triage_client.IdempotencyKeyReused):
        await triage.submit("work", {"n": 2}, idempotency_key="alert-1")


async def test_jobs_without_a_result_raise(triage: AsyncTriage, store: Namespace) -> None:
    dead = await triage.submit("work")
    await work(store, lambda _: HOPELESS)
    with pytest.raises(
        triage_client.JobDead, match=r"is dead .non_retryable.: ValueError: hopeless"
    ) as caught:
        await dead.result(timeout=5)
    assert caught.value.reason == "non_retryable"
    assert caught.value.error is not None
    assert caught.value.error["type"] == "ValueError"
    cancelled = await triage.submit("work")
    await cancelled.cancel(reason="too late", grace_seconds=1)
    with pytest.raises(triage_client.JobCancelled, match=r"is cancelled .requested.: too late"):
        await triage.job(cancelled.id).result(timeout=5)
    waiting = await triage.submit("work", wait=0.01)
    with pytest.raises(triage_client.WaitTimeout, match=r"is still queued after 0.05 s"):
        await waiting.result(timeout=0.05)


async def test_a_job_can_be_changed_and_started(triage: AsyncTriage) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    job = await triage.submit("work", run_at=at)
    assert job.state == "scheduled"
    await job.update(priority=7, tags={"a": "b"}, if_match=job.version)
    assert (job.data["priority"], job.data["tags"]) == (7, {"a": "b"})
    with pytest.raises(triage_client.VersionMismatch):
        await job.update(priority=8, if_match=job.version - 1)
    assert (await triage.job(job.id).run_now()).state == "queued"
    assert (await job.cancel()).state == "cancelled"
    assert (await job.retry(payload={"n": 2}, queue="other")).queue == "other"


async def test_a_handle_that_has_read_nothing_says_so(triage: AsyncTriage) -> None:
    job = triage.job("job_01KB0R8Z3VN2A0H686WCBXCF8E")
    with pytest.raises(triage_client.NotLoaded, match="job_01KB0R8Z3VN2A0H686WCBXCF8E has not been read yet"):
        _ = job.state
    assert repr(job) == "<AsyncJob job_01KB0R8Z3VN2A0H686WCBXCF8E>"


async def test_lists_read_their_pages_while_one_iterates(
    triage: AsyncTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await triage.submit_many([job_spec("work", tags={"n": str(n)}) for n in range(5)])
    ids = [row.unwrap().id for row in made][::-1]
    monkeypatch.setattr("triage_client._async.http.PAGE", 2)
    assert [job.id async for job in triage.jobs()] == ids
    assert [job.id async for job in triage.jobs(limit=3, queue="default")] == ids[:3]
    assert [job.id async for job in triage.jobs(tag="n:1", state="queued")] == [ids[3]]
    assert [job.id async for job in triage.jobs(tag=["n:1", "n:2"])] == []
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert [job.id async for job in triage.jobs(created_after=soon)] == []


async def test_many_jobs_are_submitted_in_few_requests(
    triage: AsyncTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triage_client._core.submissions.BULK", 3)
    specs = [job_spec("work", {"n": n}) for n in range(4)]
    outcomes = await triage.submit_many([*specs, "work", {"name": "work", "payload": {"n": 5}}, "no name"])
    assert [row.job is not None for row in outcomes] == [True] * 6 + [False]
    assert isinstance(outcomes[-1].error, triage_client.ValidationFailed)
    with pytest.raises(triage_client.ValidationFailed):
        outcomes[-1].unwrap()
    again = await triage.submit_many(specs, idempotency_key="many")
    repeated = await triage.submit_many(specs, idempotency_key="many")
    assert [row.unwrap().id for row in repeated] == [row.unwrap().id for row in again]
    assert len(await triage.submit_many(specs[:3], atomic=True)) == 3
    with pytest.raises(ValueError, match="at most 3 jobs"):
        await triage.submit_many(specs, atomic=True)
    assert len([job async for job in triage.jobs()]) == 6 + 4 + 3
    assert await triage.submit_many([]) == []


async def test_dead_letters_are_listed_and_retried(triage: AsyncTriage, store: Namespace) -> None:
    await triage.submit_many([job_spec("work", {"n": n}, queue="bulk") for n in range(4)])
    await work(store, lambda _: Failed(Failure("KeyError", "n", "Traceback"), retryable=False))
    dead = [row async for row in triage.dead_letters(queue="bulk", limit=3)]
    assert len(dead) == 3
    first = dead[0]
    assert (first.name, first.queue, first.reason) == ("work", "bulk", "non_retryable")
    assert first.error is not None
    assert first.error["type"] == "KeyError"
    assert first.data["attempts"][0]["traceback"] == "Traceback"
    job = await first.retry(payload={"n": 100})
    assert (job.id, job.state, job.data["payload"]) == (first.job_id, "queued", {"n": 100})
    await dead[1].delete()
    assert (await triage.get_dead_letter(dead[2].job_id)).id == dead[2].id
    assert (await triage.count_dead_letters(queue="bulk"))["matched"] == 2
    action = await triage.retry_dead_letters(queue="bulk", max=10, rate_per_second=100)
    assert action.id.startswith("act_")
    assert {row.id async for row in triage.bulk_actions()} == {action.id}
    with pytest.raises(triage_client.ValidationFailed):
        await triage.retry_dead_letters()
    await (await action.pause()).cancel()


async def test_a_bulk_action_is_previewed_and_controlled(triage: AsyncTriage) -> None:
    await triage.submit_many([job_spec("work", tags={"batch": "b-1"})] * 3)
    assert (await triage.preview_bulk_action("cancel", tag="batch:b-1"))["matched"] == 3
    action = await triage.bulk_action("cancel", tag=["batch:b-1"], rate_per_second=0.001, state="queued")
    assert action.counts["skipped"] == 0
    assert (await action.pause()).state == "paused"
    assert (await action.resume()).state == "running"
    assert (await action.cancel()).state == "cancelled"
    assert (await (await triage.get_bulk_action(action.id)).wait(5)).state == "cancelled"
