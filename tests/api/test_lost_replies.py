"""Redis applies commands whose replies are lost: the errors that clients get, and which are retryable."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from redis.exceptions import ConnectionError as Broken

from service.domain.errors import BackendUnavailable, OutcomeUnknown, StorageFull
from service.domain.job import Lease
from service.domain.job_spec import JobSpec, Unique
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.api import resources
from tests.api.client import Api, problem
from tests.api.document import GUARDED
from tests.faults.proxy import Proxy
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish, new_id

JOB = {"name": "work"}
SUBMISSIONS = {
    "/v1/jobs": JOB,
    "/v1/jobs/bulk": {"jobs": [JOB]},
    "/v1/fan-outs": {"template": JOB, "items": [{}]},
    "/v1/bulk-actions": {"action": "cancel", "filter": {"queue": "q"}},
    "/v1/dlq/retry": {"filter": {"queue": "q"}},
}


@pytest.fixture
def network(redis_url: str) -> Iterator[Proxy]:
    with Proxy(Path(redis_url.removeprefix("unix://"))) as proxy:
        yield proxy


@pytest.fixture
async def far(network: Proxy, store: Namespace) -> AsyncIterator[Api]:
    """An API behind that network."""
    redis = connect(network.url, socket_timeout=0.3)
    api = Api(redis, store.scripts.namespace)
    assert (await api.http.get("/v1/jobs")).status_code == 200
    yield api
    await api.close()
    await redis.aclose()


async def test_only_submissions_have_an_unknown_outcome(far: Api, network: Proxy) -> None:
    calls = [
        (
            operation,
            operation.address(**resources.unknown(operation)),
            (operation.request or {}).get("example"),
        )
        for operation in GUARDED
        if operation.path.startswith("/v1")
    ]
    with network.weather(silent_replies=True):
        responses = await asyncio.gather(
            *[far.http.request(operation.method, path, json=body) for operation, path, body in calls]
        )
    for (operation, _, _), response in zip(calls, responses, strict=True):
        submits = any(row["name"] == "Idempotency-Key" for row in operation.parameters("header"))
        # Invalid requests, and requests that read before they write, have a known outcome.
        if response.status_code == 503:
            document = response.json()
            assert document["code"] in ("backend_unavailable", *(["outcome_unknown"] if submits else []))
            assert document["retryable"] == (document["code"] == "backend_unavailable"), operation.id
        else:
            assert response.status_code in (404, 422), (operation.id, response.text)


@pytest.mark.parametrize(("path", "body"), SUBMISSIONS.items())
async def test_only_a_submission_with_a_key_may_be_repeated(
    far: Api, network: Proxy, path: str, body: dict[str, Any]
) -> None:
    with network.weather(silent_replies=True):
        lost = problem(await far.http.post(path, json=body), 503, "outcome_unknown")
        keyed = await far.http.post(path, json=body, headers={"Idempotency-Key": "k"})
    assert not lost["retryable"]
    assert problem(keyed, 503, "outcome_unknown")["retryable"]

    async def repeated() -> None:
        again = await far.http.post(path, json=body, headers={"Idempotency-Key": "k"})
        assert again.status_code in (200, 202), again.text

    await eventually(repeated)


async def test_readiness_ignores_a_lost_submission(far: Api, network: Proxy) -> None:
    with network.weather(silent_replies=True):
        response = await far.http.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problem"].startswith("redis: ")
    assert "submission" not in response.text


async def test_an_unsent_second_call_does_not_hide_the_outcome_of_the_first(store: Namespace) -> None:
    errors = [Broken("Connection closed by server."), Broken("Error 111 connecting to redis:6379.")]
    for name, expected in (("submit", OutcomeUnknown), ("list_page", BackendUnavailable)):
        with mock.patch.object(store.scripts, "_send", side_effect=list(errors)), pytest.raises(expected):
            await store.scripts.run(name, [])


async def test_jobs_of_a_later_batch_are_reported_one_by_one(
    far: Api, network: Proxy, store: Namespace
) -> None:
    """The first 500 are stored, so the request as a whole cannot fail."""
    submit, calls = store.jobs.submit_batch, 0
    jobs = far.app.state.app_state.namespace_state(store.scripts.namespace).namespace.jobs

    async def first_only(batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise BackendUnavailable
        return await submit(batch)

    with mock.patch.object(jobs, "submit_batch", first_only):
        response = await far.http.post("/v1/jobs/bulk", json={"jobs": [JOB] * 600})
    assert response.status_code == 200
    assert (response.json()["succeeded"], response.json()["failed"]) == (500, 100)
    assert response.json()["results"][599]["problem"]["code"] == "backend_unavailable"


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_later_batch_may_be_repeated_only_with_a_key(api: Api, store: Namespace, keyed: bool) -> None:
    jobs = api.app.state.app_state.namespace_state(store.scripts.namespace).namespace.jobs
    submit, first = jobs.submit_batch, True

    async def first_only(batch: Any) -> Any:
        nonlocal first
        if not first:
            raise OutcomeUnknown
        first = False
        return await submit(batch)

    headers = {"Idempotency-Key": "k"} if keyed else {}
    with mock.patch.object(jobs, "submit_batch", first_only):
        response = await api.http.post("/v1/jobs/bulk", json={"jobs": [JOB] * 501}, headers=headers)
    lost = response.json()["results"][500]["problem"]
    assert (lost["code"], lost["retryable"]) == ("outcome_unknown", keyed)


@pytest.mark.parametrize("error", [BackendUnavailable, StorageFull])
async def test_a_partly_stored_fan_out_may_be_repeated_only_with_its_key(
    api: Api, store: Namespace, error: type[Exception]
) -> None:
    fan_outs = api.app.state.app_state.namespace_state(store.scripts.namespace).namespace.fan_outs
    add_items = fan_outs.add_items

    async def first_only(id: str, items: Any, **given: Any) -> Any:
        if items[0].index > 0:
            raise error
        return await add_items(id, items, **given)

    body, key = {"template": JOB, "items": [{}] * 101}, {"Idempotency-Key": "k"}
    with mock.patch.object(fan_outs, "add_items", first_only):
        lost = problem(await api.http.post("/v1/fan-outs", json=body), 503, "outcome_unknown")
        keyed = problem(await api.http.post("/v1/fan-outs", json=body, headers=key), 503, "outcome_unknown")
    assert (lost["retryable"], keyed["retryable"]) == (False, True)
    again = (await api.http.post("/v1/fan-outs", json=body, headers=key)).json()
    assert (again["id"], again["counts"]["total"]) == (keyed["fan_out_id"], 101)


async def test_a_read_whose_reply_is_lost_leaves_nothing_unknown(
    far: Api, network: Proxy, store: Namespace
) -> None:
    queries = far.app.state.app_state.namespace_state(store.scripts.namespace).namespace.queries
    with network.weather(silent_replies=True), pytest.raises(BackendUnavailable):
        await queries.now()


FLOW = {"name": "f", "jobs": {"a": {"job": JOB}}}


@pytest.mark.parametrize("path", ["/v1/flows", "/v1/fan-outs"])
async def test_a_stored_group_is_accepted_even_if_the_wait_fails(api: Api, path: str) -> None:
    """A retryable error would make the client submit it twice."""
    api.app.state.app_state.waiters.most = 0
    body = FLOW if path == "/v1/flows" else SUBMISSIONS[path]
    response = await api.http.post(path, json=body, headers={"Prefer": "wait=5"})
    assert response.status_code == 202, response.text
    assert "preference-applied" not in response.headers


async def test_a_finished_flow_is_returned_although_its_jobs_cannot_be_read_again(
    api: Api, store: Namespace
) -> None:
    groups = api.app.state.app_state.namespace_state(store.scripts.namespace).namespace.groups

    async def run_the_job() -> None:
        leases: list[Lease] = []
        while not leases:
            leases = (await claim(store)).leases
        assert await finish(store, leases[0], OK) == "moved"

    with mock.patch.object(groups, "flow_jobs", side_effect=BackendUnavailable):
        response, _ = await asyncio.gather(
            api.http.post("/v1/flows", json=FLOW, headers={"Prefer": "wait=20"}), run_the_job()
        )
    assert (response.status_code, response.json()["state"]) == (200, "succeeded"), response.text
    assert response.json()["jobs"].keys() == {"a"}


async def test_a_stored_job_is_accepted_when_redis_fails_afterwards(api: Api, store: Namespace) -> None:
    queries = api.app.state.app_state.namespace_state(store.scripts.namespace).namespace.queries
    with mock.patch.object(queries, "job", side_effect=BackendUnavailable):
        response = await api.http.post("/v1/jobs", json=JOB, headers={"Prefer": "wait=5"})
    assert (response.status_code, response.json()["state"]) == (202, "queued")


async def test_jobs_that_share_a_call_with_a_duplicate_are_stored_when_its_holder_cannot_be_read(
    store: Namespace,
) -> None:
    unique = JobSpec("work", unique=Unique("k"))
    await store.jobs.submit([Submission(new_id(), unique)])
    batch = [Submission(new_id(), spec) for spec in (unique, JobSpec("work"))]
    with (
        mock.patch.object(store.queries, "jobs", side_effect=BackendUnavailable),
        pytest.raises(OutcomeUnknown),
    ):
        await store.jobs.submit_batch(batch)
