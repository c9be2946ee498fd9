"""Limits, pauses and defaults of a queue over HTTP."""

from typing import Any

from service.domain.catalogue import JobType
from service.domain.outcome import Interrupted
from service.domain.worker import WorkerRecord
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.support.eventually import eventually
from tests.support.factories import claim, finish, submit


async def patch(api: Api, **settings: Any) -> dict[str, Any]:
    response = await api.http.patch("/v1/queues/default", json=settings)
    assert response.status_code == 200, response.text
    return response.json()


async def test_limits_are_kept_shown_and_removed(api: Api) -> None:
    rate = {"limit": 10, "per_seconds": 2.5, "smooth": True}
    queue = await patch(
        api,
        max_concurrency=5,
        rate_limit=rate,
        per_key={"max_concurrency": 2},
        keys={"acme": {"max_concurrency": None}, "big": {"rate_limit": rate}},
    )
    assert (queue["max_concurrency"], queue["rate_limit"]) == (5, rate)
    assert queue["per_key"] == {"max_concurrency": 2, "rate_limit": None}
    assert queue["keys"] == {"acme": {"max_concurrency": None}, "big": {"rate_limit": rate}}
    queue = await patch(api, max_concurrency=None, rate_limit=None, per_key=None, keys={"acme": None})
    assert (queue["max_concurrency"], queue["rate_limit"]) == (None, None)
    assert queue["per_key"] == {"max_concurrency": None, "rate_limit": None}
    assert queue["keys"] == {"big": {"rate_limit": rate}}


async def test_limits_that_make_no_sense_are_refused(api: Api) -> None:
    for settings in (
        {"max_concurrency": 0},
        {"rate_limit": {"limit": 0}},
        {"rate_limit": {"limit": 1, "per_seconds": 0}},
        {"per_key": {"speed": 1}},
        {"keys": {"a|b": {"max_concurrency": 1}}},
        {"defaults": {"queue": "other"}},
    ):
        problem(await api.http.patch("/v1/queues/default", json=settings), 422, "validation_failed")


async def test_a_limit_holds_for_submitted_jobs(api: Api, store: Namespace) -> None:
    await patch(api, per_key={"max_concurrency": 1})
    for _ in range(2):
        await api.create(name="work", limit_key="acme")
    assert len((await claim(store, 5)).leases) == 1


async def test_a_job_type_is_paused_and_resumed_independently(api: Api, store: Namespace) -> None:
    body = {"job_type": "slow_work"}
    response = await api.http.post("/v1/queues/default/pause", json=body)
    assert response.json()["paused_job_types"] == ["slow-work"]
    assert response.json()["paused"] is False
    for name in ("slow-work", "slow_work", "work"):
        await submit(store, name=name)
    types = {"slow-work": None, "slow_work": None, "work": None}
    assert [lease.job.name for lease in (await claim(store, 5, types=types)).leases] == ["work"]
    response = await api.http.post("/v1/queues/default/resume", json=body)
    assert response.json()["paused_job_types"] == []
    assert len((await claim(store, 5, types=types)).leases) == 2


async def test_defaults_of_the_job_type_win_over_those_of_the_queue(api: Api, store: Namespace) -> None:
    retry = {"max_attempts": 7, "delay_seconds": 9}
    queue = await patch(api, defaults={"priority": 7, "timeout_seconds": 70, "retry": retry})
    assert queue["defaults"] == {"priority": 7, "timeout_seconds": 70, "retry": retry}
    seconds, _ = await store.scripts.redis.time()
    now = seconds * 1000
    record = WorkerRecord("wk_1", "host", 7, "0", {"*": 1}, ("typed",), "running", 1, 1, now, now)
    await store.workers.register(
        record, [JobType("typed", None, {"priority": 3, "retry": {"delay_seconds": 2}})]
    )

    async def learnt() -> None:
        assert (await api.create(name="typed"))["priority"] == 3

    await eventually(learnt)
    plain = await api.create(name="plain")
    typed = await api.create(name="typed")
    own = await api.create(name="typed", priority=1, retry={"max_attempts": 1})
    elsewhere = await api.create(name="plain", queue="other")
    assert [job["priority"] for job in (plain, typed, own, elsewhere)] == [7, 3, 1, 100]
    assert [job["max_attempts"] for job in (plain, typed, own, elsewhere)] == [7, 7, 1, 3]
    stored = await store.queries.job(typed["id"])
    assert stored is not None
    assert (stored.retry.delay_ms, stored.timeout_ms) == (2_000, 70_000)


async def test_max_depth_counts_over_bulk_and_lets_retries_and_due_jobs_in(
    api: Api, store: Namespace
) -> None:
    await patch(api, max_depth=3)
    await api.create(name="work", delay_seconds=60)
    response = await api.http.post("/v1/jobs/bulk", json={"jobs": [{"name": "work"}] * 5})
    assert [row["status"] for row in response.json()["results"]] == [202, 202, 202, 429, 429]
    problem(await api.http.post("/v1/jobs", json={"name": "work"}), 429, "queue_full")
    lease = (await claim(store)).leases[0]
    await api.create(name="work")
    # Accepted jobs are never refused later: retries and due jobs may exceed max_depth.
    assert await finish(store, lease, Interrupted()) == "moved"
    assert (await api.http.get("/v1/queues/default")).json()["counts"]["queued"] == 4
