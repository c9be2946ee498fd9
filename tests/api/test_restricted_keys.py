"""Keys restricted to queues or job types, for every operation of the document."""

from typing import Any

import httpx
import orjson
import pytest

from service.api.auth.reach import RESTRICTABLE
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import GUARDED, Operation
from tests.api.keys import authorization
from tests.api.resources import make, unknown
from tests.api.test_authorization import guarded, send
from tests.support.factories import HOPELESS, claim, finish, submit

__all__ = ["guarded"]

#: They change all job types of a queue, so they name the refusal. The same for a schedule of other jobs.
REFUSED = {
    "update_queue", "delete_queue", "pause_queue", "resume_queue", "purge_queue", "put_schedule",
}  # fmt: skip
#: They create something, and see nothing that exists.
CREATES = {
    "create_job", "create_jobs", "create_flow", "create_fan_out", "create_bulk_action", "retry_dead_jobs",
    "create_api_key", "read_autoscale",
}  # fmt: skip
#: A key restricted to job types sees all queues.
OF_QUEUES = {"get_queue", "list_queues"}
#: The keys of the examples and of tests/api/resources.py are unrestricted: restricted keys cannot use them.
OF_KEYS = {"create_api_key", "get_api_key", "rotate_api_key", "revoke_api_key"}
#: The queues and job types of the examples and of tests/api/resources.py.
QUEUES = {"default", "bulk"}


def outside(operation: Operation) -> list[dict[str, Any]]:
    """Restrictions that exclude the jobs, the queue and the schedule of `make`."""
    return [{"queues": {"elsewhere"}}, *([] if operation.id in OF_QUEUES else [{"names": {"other"}}])]


def anonymous(response: httpx.Response) -> Any:
    document = problem(response, 404, "not_found")
    return {key: value for key, value in document.items() if key not in ("instance", "request_id")}


async def jobs_of(store: Namespace) -> int:
    return len((await store.queries.list_jobs(JobFilter(), 200, None)).items)


def check_refusal(operation: Operation, response: httpx.Response, nothing: httpx.Response | None) -> None:
    if operation.id not in RESTRICTABLE or operation.id in CREATES | REFUSED:
        if operation.id == "create_jobs":
            rows = response.json()["results"]
            assert {row["problem"]["code"] for row in rows} == {"key_restricted"}
            return
        problem(response, 403, "key_restricted")
    elif nothing is not None:
        assert anonymous(response) == anonymous(nothing)
    else:
        assert response.status_code == 200
        # A restricted key sees itself among the keys.
        assert [row for row in response.json()["items"] if row["object"] != "api_key"] == []


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_a_key_reaches_its_queues_and_job_types_only(
    guarded: Api, store: Namespace, operation: Operation
) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    addressed = bool(operation.parameters("path"))
    values = await make(store, operation) if addressed else {}
    if not addressed:
        await submit(store, queue="default")
        await store.queues.configure("default", {"max_depth": 100})
    before = await jobs_of(store)
    for restriction in outside(operation):
        key = await authorization(redis, namespace, **restriction)
        nothing = await send(guarded, operation, key, unknown(operation)) if addressed else None
        check_refusal(operation, await send(guarded, operation, key, values), nothing)
        assert await jobs_of(store) == before
    # Nothing has changed: a key for these queues can do what an unrestricted key can.
    may = operation.id in RESTRICTABLE - OF_KEYS
    restriction: dict[str, Any] = {"queues": QUEUES} if may else {}
    response = await send(guarded, operation, await authorization(redis, namespace, **restriction), values)
    assert response.status_code < 300, response.text


async def test_lists_show_what_the_key_reaches(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    for queue in ("mine", "theirs"):
        for name in ("work", "other"):
            await submit(store, queue=queue, name=name)
    mine = await authorization(redis, namespace, queues={"mine"}, names={"work"})
    jobs = (await guarded.http.get("/v1/jobs", headers=mine)).json()["items"]
    assert [(job["queue"], job["name"]) for job in jobs] == [("mine", "work")]
    assert (await guarded.http.get("/v1/jobs?queue=theirs", headers=mine)).json()["items"] == []
    queues = (await guarded.http.get("/v1/queues", headers=mine)).json()["items"]
    assert [queue["name"] for queue in queues] == ["mine"]
    page = (await guarded.http.get("/v1/queues?order=attention", headers=mine)).json()
    assert page["totals"]["queues"] == 1
    for lease in (await claim(store, slots=10)).leases:
        await finish(store, lease, HOPELESS)
    dead = (await guarded.http.get("/v1/dlq", headers=mine)).json()["items"]
    assert {(row["queue"], row["name"]) for row in dead} <= {("mine", "work")}


async def test_a_flow_is_visible_if_all_its_jobs_are(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    everything = await authorization(redis, namespace)
    mine = await authorization(redis, namespace, queues={"mine"})
    for second in ("mine", "theirs"):
        body = {
            "name": "two",
            "jobs": {
                "a": {"job": {"name": "work", "queue": "mine"}},
                "b": {"job": {"name": "work", "queue": second}},
            },
        }
        flow = (await guarded.http.post("/v1/flows", json=body, headers=everything)).json()
        status = (await guarded.http.get(f"/v1/flows/{flow['id']}", headers=mine)).status_code
        assert status == (200 if second == "mine" else 404)
    assert len((await guarded.http.get("/v1/flows", headers=mine)).json()["items"]) == 1


async def test_a_job_cannot_be_retried_into_another_queue(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    id = await submit(store, queue="mine")
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    mine = await authorization(redis, namespace, queues={"mine"})
    path = f"/v1/jobs/{id}/retry"
    problem(await guarded.http.post(path, json={"queue": "theirs"}, headers=mine), 403, "key_restricted")
    job = await store.queries.job(id)
    assert job is not None
    assert job.state is State.DEAD
    assert (await guarded.http.post(path, json={"queue": "mine"}, headers=mine)).status_code == 202


async def test_unique_keys_reveal_and_replace_no_job_of_another_type(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    everything = await authorization(redis, namespace)
    only_work = await authorization(redis, namespace, names={"work"})
    spec = {"name": "other", "unique": {"key": "k"}}
    held = (await guarded.http.post("/v1/jobs", json=spec, headers=everything)).json()
    spec["name"] = "work"
    problem(await guarded.http.post("/v1/jobs", json=spec, headers=only_work), 409, "unique_conflict")
    bulk = await guarded.http.post("/v1/jobs/bulk", json={"jobs": [spec]}, headers=only_work)
    assert held["id"] not in bulk.text
    spec["unique"] = {"key": "k", "on_conflict": "replace"}
    problem(await guarded.http.post("/v1/jobs", json=spec, headers=only_work), 403, "key_restricted")
    job = await store.queries.job(held["id"])
    assert job is not None
    assert job.name == "other"


async def test_the_lane_heeds_restrictions(guarded: Api, store: Namespace) -> None:
    """The second request of a key is served by the lane, from the cached key."""
    key = await authorization(store.scripts.redis, store.scripts.namespace, queues={"mine"})
    headers = {**key, "Content-Type": "application/json"}
    for _ in range(2):
        for queue, status in (("mine", 202), ("theirs", 403)):
            body = orjson.dumps({"name": "work", "queue": queue})
            response = await guarded.http.post("/v1/jobs", content=body, headers=headers)
            assert response.status_code == status
