"""POST /v1/jobs and /v1/jobs/bulk."""

import asyncio
from typing import Any

from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish

FIELDS = {
    "id", "object", "version", "name", "queue", "state", "state_reason", "priority", "payload", "result",
    "error",
    "progress", "attempt", "max_attempts", "failures", "interruptions", "crashes", "deliveries", "created_at",
    "run_at", "queued_at", "started_at", "finished_at", "expires_at", "worker_id", "flow_id", "flow_key",
    "fan_out_id", "fan_out_index", "tags", "callback", "trace_id", "retry", "timeout_seconds",
    "expires_seconds", "deadline_seconds",
    "retention_seconds", "limit_key", "unique", "truncated", "cancel_requested_at", "cancel_message",
}  # fmt: skip


async def test_the_response_has_the_whole_job_location_and_etag(api: Api) -> None:
    body: dict[str, Any] = {
        "name": "work",
        "payload": {"a": [1, {"b": None}]},
        "priority": 7,
        "tags": {"tenant": "acme"},
    }
    response = await api.http.post("/v1/jobs", json=body)
    job = response.json()
    assert response.status_code == 202
    assert set(job) == FIELDS
    assert (job["state"], job["priority"], job["payload"], job["tags"]) == (
        "queued",
        7,
        body["payload"],
        body["tags"],
    )
    assert (response.headers["location"], response.headers["etag"]) == (f"/v1/jobs/{job['id']}", '"1"')
    assert (await api.http.get(response.headers["location"])).json() == job


async def test_integers_of_64_bits_survive(api: Api) -> None:
    text = b'{"name":"work","payload":{"large":18446744073709551615,"small":-9223372036854775808}}'
    job = (await api.raw(text)).json()
    assert job["payload"] == {"large": 18446744073709551615, "small": -9223372036854775808}
    assert (await api.http.get(f"/v1/jobs/{job['id']}")).json()["payload"] == job["payload"]


async def test_200_concurrent_identical_submissions_are_one_job_and_get_identical_responses(
    api: Api, store: Namespace
) -> None:
    types = api.app.state.app_state.namespace_state(store.scripts.namespace).types

    async def known() -> None:
        # A request waits half a second for them, and hides the payload of a type that it does not know.
        await types.load()
        assert types.redactions("work") is not None

    await eventually(known)
    body = b'{"name":"work","payload":{"order_id":"o-1"}}'
    responses = await asyncio.gather(*[api.raw(body, **{"Idempotency-Key": "k-1"}) for _ in range(200)])
    assert {response.status_code for response in responses} == {202}
    assert len({response.content for response in responses}) == 1
    assert sum("idempotency-replayed" in response.headers for response in responses) == 199
    queue = await store.queues.get("default")
    assert queue is not None
    assert queue.counts[State.QUEUED] == 1


async def test_a_replay_returns_the_first_response_although_the_job_has_finished(
    api: Api, store: Namespace
) -> None:
    body = b'{"name":"work","delay_seconds":0}'
    first = await api.raw(body, **{"Idempotency-Key": "k-1"})
    await finish(store, (await claim(store)).leases[0], OK)
    again = await api.raw(body, **{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.content) == (202, first.content)


async def test_an_idempotency_key_with_another_body_is_refused(api: Api) -> None:
    await api.raw(b'{"name":"work"}', **{"Idempotency-Key": "k-1"})
    problem(
        await api.raw(b'{"name":"work","priority":1}', **{"Idempotency-Key": "k-1"}),
        422,
        "idempotency_key_reused",
    )


async def test_prefer_wait_returns_the_finished_job(api: Api, store: Namespace) -> None:
    waiting = asyncio.create_task(api.raw(b'{"name":"work"}', Prefer="wait=20"))

    async def work() -> None:
        while not (leases := (await claim(store)).leases):
            await asyncio.wait({waiting}, timeout=0.01)
        await finish(store, leases[0], OK)

    await work()
    response = await asyncio.wait_for(waiting, 5)
    assert (response.status_code, response.headers["preference-applied"]) == (200, "wait")
    assert (response.json()["state"], response.json()["result"]) == ("succeeded", {"ok": True})


async def test_prefer_wait_is_202_when_the_job_does_not_finish_in_time(api: Api) -> None:
    response = await api.raw(b'{"name":"work"}', Prefer="wait=0.05")
    assert response.status_code == 202
    assert response.json()["state"] == "queued"


async def test_unique_keys_are_200_with_the_holder_or_409(api: Api) -> None:
    first = await api.create(unique={"key": "order:1"})
    again = await api.http.post("/v1/jobs", json={"name": "work", "unique": {"key": "order:1"}})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    body = {"name": "work", "unique": {"key": "order:1", "on_conflict": "reject"}}
    assert (
        problem(await api.http.post("/v1/jobs", json=body), 409, "unique_conflict")["job_id"] == first["id"]
    )


async def test_a_full_queue_is_429(api: Api) -> None:
    await api.http.patch("/v1/queues/default", json={"max_depth": 0})
    response = await api.http.post("/v1/jobs", json={"name": "work"})
    assert problem(response, 429, "queue_full")["retryable"] is True


async def test_payloads_are_limited_and_large_ones_are_warned_about(api: Api) -> None:
    warned = await api.http.post("/v1/jobs", json={"name": "work", "payload": {"text": "x" * 2_000}})
    assert "pass a reference to large data" in warned.headers["triage-warning"]
    response = await api.http.post("/v1/jobs", json={"name": "work", "payload": {"text": "x" * 65_536}})
    problem(response, 413, "payload_too_large")


async def test_bulk_stores_valid_jobs_and_names_invalid_ones(api: Api) -> None:
    jobs: list[Any] = [
        {"name": "work"},
        {"name": "work", "priority": 1001},
        {"nam": "x"},
        5,
        {"name": "work"},
    ]
    response = (await api.http.post("/v1/jobs/bulk", json={"jobs": jobs})).json()
    assert (response["succeeded"], response["failed"]) == (2, 3)
    assert [row["status"] for row in response["results"]] == [202, 422, 422, 422, 202]
    assert response["results"][1]["problem"]["errors"][0]["pointer"] == "/jobs/1/priority"


async def test_atomic_bulk_stores_nothing_when_one_is_invalid(api: Api, store: Namespace) -> None:
    jobs = [{"name": "work"}, {"name": ""}]
    problem(
        await api.http.post("/v1/jobs/bulk", json={"jobs": jobs, "atomic": True}), 422, "validation_failed"
    )
    assert await store.queues.get("default") is None


async def test_a_bulk_replay_creates_nothing(api: Api) -> None:
    body = b'{"jobs":[{"name":"work"},{"name":"work"}]}'
    first = await api.raw(body, "/v1/jobs/bulk", **{"Idempotency-Key": "k"})
    again = await api.raw(body, "/v1/jobs/bulk", **{"Idempotency-Key": "k"})
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


async def test_a_held_unique_key_returns_its_holder(api: Api) -> None:
    first = await api.create(unique={"key": "k"})
    response = await api.http.post("/v1/jobs", json={"name": "work", "unique": {"key": "k"}})
    assert (response.status_code, response.json()["id"]) == (200, first["id"])
    body = {"name": "work", "unique": {"key": "k", "on_conflict": "reject"}}
    refused = problem(await api.http.post("/v1/jobs", json=body), 409, "unique_conflict")
    assert refused["job_id"] == first["id"]
    await api.http.post(f"/v1/jobs/{first['id']}/cancel")
    second = await api.create(unique={"key": "k"})
    refused = problem(await api.http.post(f"/v1/jobs/{first['id']}/retry"), 409, "unique_conflict")
    assert refused["job_id"] == second["id"]


async def test_a_replacing_submission_is_accepted_as_the_job_that_waits(api: Api) -> None:
    unique = {"key": "k", "on_conflict": "replace"}
    first = await api.create(unique=unique, delay_seconds=60, payload={"n": 1})
    second = await api.create(unique=unique, payload={"n": 2})
    assert (second["id"], second["payload"], second["version"]) == (first["id"], {"n": 2}, 2)
    assert (await api.http.get(f"/v1/jobs/{first['id']}")).json() == second
