"""Schedules over HTTP: validation, responses, and scopes."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.access_key import AccessKey
from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from tests.api.client import Api, problem
from tests.support.factories import OK, claim, finish
from tests.support.worker_records import worker

NIGHTLY = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "job": {"name": "report"}}


async def put(api: Api, name: str = "nightly", status: int = 201, **fields: Any) -> dict[str, Any]:
    response = await api.http.put(f"/v1/schedules/{name}", json={**NIGHTLY, **fields})
    assert response.status_code == status, response.text
    return response.json()


async def test_a_schedule_is_created_read_replaced_listed_and_deleted(api: Api) -> None:
    response = await api.http.put("/v1/schedules/nightly", json=NIGHTLY)
    created = response.json()
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    assert response.headers["location"] == "/v1/schedules/nightly"
    fields = {key: created[key] for key in ("name", "object", "version", "cron", "timezone", "job", "paused")}
    assert fields == {"name": "nightly", "object": "schedule", "version": 1, "paused": False, **NIGHTLY}
    assert (created["catch_up"], created["overlap"], created["every_seconds"]) == ("none", "allow", None)
    assert (created["last_run"], created["runs"]) == (None, [])
    assert len(created["next_runs"]) == 5
    assert created["next_runs"][0] == created["next_run_at"]
    assert all(datetime.fromisoformat(time).astimezone(UTC).minute == 30 for time in created["next_runs"])
    assert (await api.http.get("/v1/schedules/nightly")).json() == created
    replaced = await put(api, status=200, cron="@hourly", start_at="2100-01-01T00:00:00Z")
    assert (replaced["version"], replaced["next_run_at"]) == (2, "2100-01-01T00:00:00.000Z")
    assert (await api.http.get("/v1/schedules")).json() == {"items": [replaced], "next_cursor": None}
    assert (await api.http.delete("/v1/schedules/nightly")).status_code == 204
    problem(await api.http.get("/v1/schedules/nightly"), 404, "not_found")
    problem(await api.http.delete("/v1/schedules/nightly"), 404, "not_found")


async def test_changes_are_guarded_by_the_version(api: Api) -> None:
    response = await api.http.put("/v1/schedules/nightly", json=NIGHTLY, headers={"If-Match": '"1"'})
    problem(response, 412, "version_mismatch")
    await put(api)
    await put(api, status=200, overlap="skip")
    for method in ("PUT", "DELETE"):
        body = NIGHTLY if method == "PUT" else None
        response = await api.http.request(
            method, "/v1/schedules/nightly", headers={"If-Match": '"1"'}, json=body
        )
        problem(response, 412, "version_mismatch")
    response = await api.http.put("/v1/schedules/nightly", json=NIGHTLY, headers={"If-Match": '"2"'})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"cron": "never"}, "/cron"),
        ({"cron": "0 0 31 2 *"}, "/cron"),
        ({"cron": None}, "/cron"),
        ({"every_seconds": 5}, "/cron"),
        ({"cron": None, "every_seconds": 0.5}, "/every_seconds"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"job": {"name": "report", "priority": 2_000}}, "/job/priority"),
        ({"job": {"name": "report", "run_at": "2030-01-01T00:00:00Z"}}, "/job/run_at"),
        ({"job": {"queue": "default"}}, "/job/name"),
        ({"start_at": "2030-01-02T00:00:00Z", "end_at": "2030-01-01T00:00:00Z"}, "/end_at"),
        ({"start_at": "2030-01-02T00:00:00"}, "/start_at"),
        ({"start_at": "9999-12-31T23:59:59Z"}, "/start_at"),
        ({"catch_up": "some"}, "/catch_up"),
        ({"overlap": "queue"}, "/overlap"),
        ({"crom": "@daily"}, "/crom"),
    ],
)
async def test_errors_point_at_their_field(api: Api, fields: dict[str, Any], pointer: str) -> None:
    response = await api.http.put("/v1/schedules/nightly", json={**NIGHTLY, **fields})
    assert problem(response, 422, "validation_failed")["errors"][0]["pointer"] == pointer
    problem(await api.http.get("/v1/schedules/nightly"), 404, "not_found")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"end_at": "2020-01-01T00:00:00Z"}, "has passed"),
        ({"end_at": "2020-01-01T00:00:00Z", "paused": True}, "has passed"),
        ({"start_at": "2019-01-01T00:00:00Z", "end_at": "2020-01-01T00:00:00Z"}, "has passed"),
        ({"cron": None, "every_seconds": 86_400, "end_at": "in an hour"}, "is before"),
        ({"cron": "0 0 29 2 *", "end_at": "in an hour"}, "is before"),
    ],
)
async def test_a_schedule_that_can_never_fire_is_refused(
    api: Api, fields: dict[str, Any], message: str
) -> None:
    if fields["end_at"] == "in an hour":
        fields = {**fields, "end_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    for exists in (False, True):
        response = await api.http.put("/v1/schedules/nightly", json={**NIGHTLY, **fields})
        (row,) = problem(response, 422, "validation_failed")["errors"]
        assert (row["pointer"], message in row["message"]) == ("/end_at", True)
        if not exists:
            await put(api)


async def test_a_schedule_may_be_put_again_after_its_end(api: Api) -> None:
    end = datetime.now(UTC) + timedelta(days=2)
    await put(api, end_at=end.isoformat())
    (namespace_state,) = api.app.state.app_state.namespace_states.values()
    namespace_state.namespace.scripts.now = str(round(end.timestamp() * 1000) + 1)
    assert (await put(api, status=200, end_at=end.isoformat(), overlap="skip"))["overlap"] == "skip"
    response = await api.http.put("/v1/schedules/nightly", json={**NIGHTLY, "end_at": "2020-01-01T00:00:00Z"})
    problem(response, 422, "validation_failed")


async def test_the_payload_is_checked_against_the_schema_of_its_type(api: Api, store: Namespace) -> None:
    seconds, _ = await store.scripts.redis.time()
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    await store.workers.register(worker(seconds * 1000), [JobType("work", schema, redact=("/card",))])
    response = await api.http.put(
        "/v1/schedules/s", json={"cron": "@daily", "job": {"name": "work", "payload": {"n": "x"}}}
    )
    assert problem(response, 422, "payload_invalid")["errors"][0]["pointer"] == "/job/payload/n"
    found = await put(api, job={"name": "work", "payload": {"card": "4111"}})
    assert found["job"]["payload"] == {"card": "[redacted]"}
    assert (await store.schedules.get("nightly")).definition["job"]["payload"] == {"card": "4111"}  # type: ignore[union-attr]


async def test_a_paused_schedule_has_no_next_time_and_resume_gives_it_one(api: Api) -> None:
    await put(api)
    await api.http.post("/v1/schedules/nightly/pause")
    paused = (await api.http.post("/v1/schedules/nightly/pause")).json()
    assert (paused["paused"], paused["next_run_at"], paused["next_runs"]) == (True, None, [])
    assert paused["version"] == 2
    resumed = (await api.http.post("/v1/schedules/nightly/resume")).json()
    assert (resumed["paused"], len(resumed["next_runs"]), resumed["version"]) == (False, 5, 3)
    assert (await put(api, status=200, paused=True))["next_run_at"] is None
    problem(await api.http.post("/v1/schedules/other/pause"), 404, "not_found")


async def test_run_now_starts_a_job_in_addition_to_the_fire_times(api: Api, store: Namespace) -> None:
    found = await put(api, job={"name": "work", "payload": {"a": 1}})
    await api.http.post("/v1/schedules/nightly/pause")
    response = await api.http.post("/v1/schedules/nightly/run-now")
    job = response.json()
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    assert (job["name"], job["payload"], job["tags"]) == ("work", {"a": 1}, {"schedule": "nightly"})
    seen = (await api.http.get("/v1/schedules/nightly")).json()
    assert seen["last_run"] == {"job_id": job["id"], "slot": None}
    assert (seen["runs"][0]["outcome"], seen["runs"][0]["slot"]) == ("created", None)
    resumed = (await api.http.post("/v1/schedules/nightly/resume")).json()
    assert resumed["next_run_at"] == found["next_run_at"]
    listed = (await api.http.get("/v1/jobs", params={"tag": "schedule:nightly"})).json()["items"]
    assert [item["id"] for item in listed] == [job["id"]]
    problem(await api.http.post("/v1/schedules/other/run-now"), 404, "not_found")


async def run_now(api: Api, name: str = "nightly", body: bytes = b"", key: str = "k-1") -> Any:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return await api.http.post(f"/v1/schedules/{name}/run-now", headers=headers, content=body)


async def test_run_now_repeated_with_its_key_gives_the_first_response(api: Api, store: Namespace) -> None:
    job = {"name": "work", "payload": {"a": 1}, "tags": {"t": "1"}, "limit_key": "l", "expires_seconds": 60}
    await put(api, job={**job, "priority": 7, "delay_seconds": 0})
    first = await run_now(api)
    assert (first.status_code, "idempotency-replayed" in first.headers) == (202, False)
    await finish(store, (await claim(store)).leases[0], OK)
    await put(api, status=200, job={"name": "other", "payload": {"a": 2}})
    changed = await run_now(api)
    await api.http.delete("/v1/schedules/nightly")
    for again in (changed, await run_now(api)):
        assert (again.status_code, again.content) == (202, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
    problem(await run_now(api, key="k-2"), 404, "not_found")
    listed = (await api.http.get("/v1/jobs", params={"tag": "schedule:nightly"})).json()["items"]
    assert len(listed) == 1


async def test_a_key_of_run_now_belongs_to_one_schedule_and_one_body(api: Api) -> None:
    await put(api)
    await put(api, "weekly")
    first = await run_now(api)
    problem(await run_now(api, body=b"{}"), 422, "idempotency_key_reused")
    other = await run_now(api, "weekly")
    assert (other.status_code, other.json()["id"] == first.json()["id"]) == (202, False)


@pytest.mark.parametrize("overlap", ["allow", "skip", "replace"])
async def test_many_identical_requests_for_a_run_are_one_run(
    api: Api, store: Namespace, overlap: str
) -> None:
    """With overlap=replace, none of them may cancel the run that another one started."""
    await put(api, overlap=overlap, job={"name": "work"})
    responses = await asyncio.gather(*[run_now(api) for _ in range(10)])
    assert {response.status_code for response in responses} == {202}
    assert len({response.content for response in responses}) == 1
    job = (await api.http.get(f"/v1/jobs/{responses[0].json()['id']}")).json()
    assert job["state"] == "queued"
    runs = (await api.http.get("/v1/schedules/nightly")).json()["runs"]
    assert [run["outcome"] for run in runs] == ["created"]


async def test_run_now_obeys_the_overlap(api: Api, store: Namespace) -> None:
    await put(api, "s", overlap="skip", job={"name": "work"})
    await api.http.post("/v1/schedules/s/run-now")
    problem(await api.http.post("/v1/schedules/s/run-now"), 409, "invalid_state")
    await put(api, "r", overlap="replace", job={"name": "work"})
    first = (await api.http.post("/v1/schedules/r/run-now")).json()
    assert (await api.http.post("/v1/schedules/r/run-now")).status_code == 202
    replaced = (await api.http.get(f"/v1/jobs/{first['id']}")).json()
    assert (replaced["state"], replaced["state_reason"]) == ("cancelled", "replaced")
    assert len((await claim(store, slots=9)).leases) == 2


async def test_reading_and_writing_have_scopes_and_namespaces(store: Namespace) -> None:
    keys = AccessKeys(store.scripts.redis)
    for secret, namespace, scopes in (
        ("sr", store.scripts.namespace, ("schedules:read",)),
        ("sw", store.scripts.namespace, ("schedules:write",)),
        ("sf", store.scripts.namespace + "-other", ("schedules:read", "schedules:write")),
    ):
        digest = hashlib.sha256(secret.encode()).hexdigest()
        await keys.create(AccessKey(f"key_{secret}", secret, namespace, frozenset(scopes), 0), digest)
    api = Api(store.scripts.redis, "unused", auth="required")

    def bearer(secret: str) -> dict[str, Any]:
        return {"headers": {"Authorization": f"Bearer {secret}"}}

    path = "/v1/schedules/nightly"
    problem(await api.http.put(path, json=NIGHTLY, **bearer("sr")), 403, "scope_missing")
    body = {**NIGHTLY, "job": {"name": "report", "payload": {"secret": "S3CR3T"}}}
    assert (await api.http.put(path, json=body, **bearer("sw"))).status_code == 201
    problem(await api.http.get(path, **bearer("sw")), 403, "scope_missing")
    seen = await api.http.get(path, **bearer("sr"))
    assert (seen.status_code, "S3CR3T" in seen.text) == (200, False)
    problem(await api.http.get(path, **bearer("sf")), 404, "not_found")
    problem(await api.http.post(f"{path}/run-now", **bearer("sf")), 404, "not_found")
    for secret in ("sr", "sw", "sf"):
        await keys.revoke(f"key_{secret}")
    await api.close()
