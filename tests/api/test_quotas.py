"""Namespaces with quotas: each way to store something is counted, and refused with the name of the quota."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from service.domain.tenant import DEFAULTS, Policy
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.api.quotas import CANCEL, FAN_OUT, FLOW, JOB, limit, refused, usage
from tests.support.factories import HOPELESS, OK, claim, finish, submit
from tests.support.manual_clock import ManualClock

Send = Callable[[], Awaitable[httpx.Response]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def api(store: Namespace, clock: ManualClock) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, clock)
    yield api
    await api.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/jobs", JOB), ("/v1/flows", FLOW), ("/v1/fan-outs", FAN_OUT)],
    ids=["job", "flow", "fan-out"],
)
async def test_jobs_due_in_ten_years_count_like_queued_ones(
    api: Api, store: Namespace, path: str, body: dict[str, Any]
) -> None:
    size = len(body.get("jobs", body.get("items", [0])))
    await limit(store, jobs=2 * size)
    for _ in range(2):
        assert (await api.http.post(path, json=body)).status_code == 202
    refused(await api.http.post(path, json=body), "jobs")
    assert (await usage(store)).jobs == 2 * size
    # Nothing of the refused request was stored.
    assert len((await api.http.get("/v1/jobs")).json()["items"]) == 2 * size


async def test_a_bulk_request_is_accepted_as_far_as_the_quota_goes(api: Api, store: Namespace) -> None:
    await limit(store, jobs=2)
    response = (await api.http.post("/v1/jobs/bulk", json={"jobs": [JOB] * 4})).json()
    codes = [row["problem"] and row["problem"]["code"] for row in response["results"]]
    assert codes == [None, None, "quota_exceeded", "quota_exceeded"]


async def test_a_finished_job_makes_room_and_a_retry_takes_it(api: Api, store: Namespace) -> None:
    await limit(store, jobs=1)
    id = await submit(store)
    refused(await api.http.post("/v1/jobs", json=JOB), "jobs")
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    assert (await api.http.post("/v1/jobs", json=JOB)).status_code == 202
    document = problem(await api.http.post(f"/v1/jobs/{id}/retry"), 429, "quota_exceeded")
    assert "jobs" in document["detail"]


async def test_a_large_template_is_charged_before_it_is_stored(api: Api, store: Namespace) -> None:
    await limit(store, stored_bytes=500_000)
    body = {"template": {**JOB, "payload": {"x": "y" * 60_000}}, "items": [{}] * 3_000}
    refused(await api.http.post("/v1/fan-outs", json=body), "stored_bytes")
    assert (await usage(store)).stored_bytes < 500_000


async def test_results_count_and_deleting_a_job_gives_its_bytes_back(api: Api, store: Namespace) -> None:
    await limit(store, stored_bytes=100_000)
    before = (await usage(store)).stored_bytes
    id = await submit(store, payload=b'{"x":"' + b"y" * 5_000 + b'"}', tags={"a": "b"})
    await finish(store, (await claim(store)).leases[0], OK)
    assert (await usage(store)).stored_bytes > before + 6_000
    await store.jobs.delete_one(id)
    assert (await usage(store)).stored_bytes == before


async def names(
    api: Api, store: Namespace, quota: str, send: Callable[[int], Awaitable[httpx.Response]]
) -> None:
    await limit(store, **{quota: 2})
    for number in (0, 1, 1):
        assert (await send(number)).status_code < 300
    refused(await send(2), quota)
    await limit(store, **{quota: None})
    assert (await send(2)).status_code < 300


async def test_queues_have_a_quota(api: Api, store: Namespace) -> None:
    await names(api, store, "queues", lambda n: api.http.post("/v1/jobs", json={**JOB, "queue": f"q{n}"}))


async def test_settings_of_queues_count_as_queues(api: Api, store: Namespace) -> None:
    body = {"max_depth": 5}
    await names(api, store, "queues", lambda n: api.http.patch(f"/v1/queues/q{n}", json=body))


async def test_limit_keys_have_a_quota(api: Api, store: Namespace) -> None:
    await names(
        api, store, "limit_keys", lambda n: api.http.post("/v1/jobs", json={**JOB, "limit_key": f"k{n}"})
    )


async def test_unique_keys_have_a_quota(api: Api, store: Namespace) -> None:
    await names(
        api,
        store,
        "unique_keys",
        lambda n: api.http.post("/v1/jobs", json={**JOB, "unique": {"key": f"k{n}"}}),
    )


async def test_bulk_actions_have_a_quota(api: Api, store: Namespace) -> None:
    def send(number: int) -> Awaitable[httpx.Response]:
        return api.http.post("/v1/bulk-actions", json=CANCEL, headers={"Idempotency-Key": f"k{number}"})

    await names(api, store, "bulk_actions", send)


async def test_schedules_have_a_quota(api: Api, store: Namespace) -> None:
    body = {"cron": "0 0 * * *", "job": {"name": "work"}}
    await names(api, store, "schedules", lambda n: api.http.put(f"/v1/schedules/s{n}", json=body))


async def test_submissions_have_a_rate_over_all_processes(api: Api, store: Namespace) -> None:
    await limit(store, submissions_per_second=10)
    store.scripts.now = "1000000000000"
    bulk = [await store.jobs.submit([_submission(store)]) for _ in range(12)]
    words = [row.result.value for (row,) in bulk]
    assert words == ["created"] * 10 + ["quota_exceeded"] * 2
    assert bulk[-1][0].error is not None
    store.scripts.now = "1000000000200"
    words = [(await store.jobs.submit([_submission(store)]))[0].result.value for _ in range(3)]
    assert words == ["created", "created", "quota_exceeded"]
    store.scripts.now = ""


def _submission(store: Namespace) -> Any:
    from service.domain.job_spec import JobSpec
    from service.store.jobs import Submission
    from tests.support.factories import new_id

    return Submission(new_id(), JobSpec("work", delay_ms=1_000))


async def test_requests_have_a_rate_and_headers(api: Api, store: Namespace, clock: ManualClock) -> None:
    await limit(store, requests_per_second=3, submissions_per_second=100)
    seen = [await api.http.get("/v1/jobs") for _ in range(4)]
    assert [response.status_code for response in seen] == [200, 200, 200, 429]
    refused(seen[-1], "requests_per_second")
    for response, left in zip(seen, (2, 1, 0, 0), strict=True):
        assert response.headers["ratelimit"] == f'"requests";r={left};t=1'
        assert response.headers["ratelimit-policy"] == '"requests";q=3;w=1, "submissions";q=100;w=1'
    clock.advance(0.5)
    assert (await api.http.get("/v1/jobs")).status_code == 200
    assert (await api.http.get("/v1/jobs")).status_code == 429


async def test_a_namespace_without_quotas_has_no_headers_and_counts_nothing(
    api: Api, store: Namespace
) -> None:
    response = await api.http.post("/v1/jobs", json=JOB)
    assert "ratelimit" not in response.headers
    assert await Tenants(store.scripts.redis).usage(store.scripts.namespace) is None


@pytest.mark.parametrize("quota", ["waits", "streams"])
async def test_open_waits_and_streams_have_a_quota(api: Api, store: Namespace, quota: str) -> None:
    await limit(store, **{quota: 0})
    id = await submit(store)
    path = f"/v1/jobs/{id}?wait=5" if quota == "waits" else f"/v1/jobs/{id}/events"
    refused(await api.http.get(path), quota)


async def test_the_default_retention_and_redaction_of_a_namespace(api: Api, store: Namespace) -> None:
    tenants = Tenants(store.scripts.redis)
    await tenants.create(store.scripts.namespace, Policy({}, 5.0, ("/card",)), "")
    job = (await api.http.post("/v1/jobs", json={"name": "work", "payload": {"card": "4111"}})).json()
    assert (job["retention_seconds"], "4111" in str(job)) == (5.0, False)
    given = await api.create(retention_seconds=60)
    assert given["retention_seconds"] == 60


async def test_quotas_set_later_find_the_jobs_that_are_there(api: Api, store: Namespace) -> None:
    for _ in range(3):
        await submit(store)
    await limit(store, jobs=3)
    assert (await usage(store)).jobs == 3
    refused(await api.http.post("/v1/jobs", json=JOB), "jobs")
    await limit(store, jobs=None)
    assert (await api.http.post("/v1/jobs", json=JOB)).status_code == 202


async def test_a_namespace_as_a_resource(api: Api, store: Namespace) -> None:
    name = f"{store.scripts.namespace}-acme"
    made = await api.http.post("/v1/namespaces", json={"name": name, "quotas": {"jobs": 7, "streams": None}})
    assert made.status_code == 201
    assert made.json()["quotas"] == {**DEFAULTS, "jobs": 7, "streams": None}
    problem(await api.http.post("/v1/namespaces", json={"name": name}), 409, "namespace_exists")
    stale = {"If-Match": '"7"'}
    path = f"/v1/namespaces/{name}"
    problem(await api.http.patch(path, json={"quotas": {"jobs": 8}}, headers=stale), 412, "version_mismatch")
    changed = (await api.http.patch(path, json={"quotas": {"jobs": 8}})).json()
    assert (changed["version"], changed["quotas"]["jobs"], changed["quotas"]["queues"]) == (2, 8, 100)
    assert name in [row["name"] for row in (await api.http.get("/v1/namespaces")).json()["items"]]
    tenant = Namespace(store.scripts.redis, name, 1_000)
    await submit(tenant)
    assert (await api.http.get(path)).json()["usage"]["jobs"] == 1
    problem(await api.http.delete(path), 409, "namespace_not_empty")


async def test_deleting_a_namespace_revokes_its_keys(store: Namespace) -> None:
    """Without its record, a key of the namespace would have no quotas."""
    redis, namespace = store.scripts.redis, store.scripts.namespace
    guarded = Api(redis, namespace, auth="required")
    operator = await authorization(redis, namespace, ["namespaces:admin"])
    await Tenants(redis).create(f"{namespace}-acme", Policy({}), "")
    tenant = await authorization(redis, f"{namespace}-acme")
    response = await guarded.http.delete(f"/v1/namespaces/{namespace}-acme", headers=operator)
    assert response.status_code == 204
    assert (await guarded.http.get("/v1/jobs", headers=tenant)).status_code == 401
    await guarded.close()
