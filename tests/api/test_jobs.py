"""Reading jobs, and acting on them."""

import asyncio

import pytest

from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.support.factories import BROKEN, HOPELESS, OK, claim, finish, job_in, submit


async def test_lists_are_newest_first_and_pages_hold_each_job_once(api: Api) -> None:
    ids = [(await api.create())["id"] for _ in range(25)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (
            await api.http.get("/v1/jobs", params={"limit": 10, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]


async def test_filters_must_all_match(api: Api, store: Namespace) -> None:
    first = await api.create(tags={"tenant": "acme", "kind": "a"}, queue="one")
    await api.create(tags={"tenant": "acme", "kind": "b"}, queue="one")
    await api.create(tags={"tenant": "other"}, queue="two", name="other")

    async def ids(**params: object) -> list[str]:
        response = await api.http.get("/v1/jobs", params=params)  # type: ignore[arg-type]
        return [job["id"] for job in response.json()["items"]]

    assert await ids(tag=["tenant:acme", "kind:a"]) == [first["id"]]
    assert len(await ids(tag="tenant:acme")) == 2
    assert await ids(tag=["kind:a", "kind:b"]) == []
    assert len(await ids(queue="two", state="queued", name="other")) == 1
    assert await ids(queue="two", state="running") == []
    assert len(await ids(created_after="2020-01-01T00:00:00Z")) == 3
    assert await ids(created_before="2020-01-01T00:00:00Z") == []


async def test_a_long_poll_returns_when_the_job_changes_and_304_when_it_does_not(
    api: Api, store: Namespace
) -> None:
    id = (await api.create())["id"]
    response = await api.http.get(f"/v1/jobs/{id}", params={"wait": 0.05}, headers={"If-None-Match": '"1"'})
    assert (response.status_code, response.headers["etag"]) == (304, '"1"')
    poll = asyncio.create_task(
        api.http.get(f"/v1/jobs/{id}", params={"wait": 20}, headers={"If-None-Match": '"1"'})
    )
    while not (leases := (await claim(store)).leases):
        await asyncio.wait({poll}, timeout=0.01)
    response = await asyncio.wait_for(poll, 5)
    assert (response.status_code, response.json()["state"]) == (200, "running")
    await finish(store, leases[0], OK)


async def test_cancel_is_200_202_or_409_and_idempotent(api: Api, store: Namespace) -> None:
    waiting, _ = await job_in(store, State.QUEUED)
    for _ in range(2):
        response = await api.http.post(f"/v1/jobs/{waiting}/cancel", json={"reason": "test"})
        assert (response.status_code, response.json()["state"], response.json()["state_reason"]) == (
            200,
            "cancelled",
            "requested",
        )
    running, lease = await job_in(store, State.RUNNING)
    assert (await api.http.post(f"/v1/jobs/{running}/cancel")).status_code == 202
    assert lease is not None
    await finish(store, lease, OK)
    job = (await api.http.get(f"/v1/jobs/{running}")).json()
    assert (job["state"], job["result"]) == ("cancelled", None)
    done, _ = await job_in(store, State.SUCCEEDED)
    response = await api.http.post(f"/v1/jobs/{done}/cancel")
    assert problem(response, 409, "invalid_state")["current_state"] == "succeeded"


async def test_the_reason_of_a_cancel_is_shown_with_the_job_and_explained(api: Api, store: Namespace) -> None:
    said = {"reason": "the customer left", "grace_seconds": 60}
    for state, status in ((State.QUEUED, 200), (State.RUNNING, 202)):
        id, lease = await job_in(store, state)
        response = await api.http.post(f"/v1/jobs/{id}/cancel", json=said)
        assert (response.status_code, response.json()["cancel_message"]) == (status, "the customer left")
        explained = (await api.http.get(f"/v1/jobs/{id}/explain")).json()
        assert explained["reasons"][-1]["cancel_message"] == "the customer left"
        assert explained["summary"].endswith("The request gave this reason: the customer left")
        if lease is not None:
            asked = (await api.http.get(f"/v1/jobs/{id}")).json()["cancel_requested_at"]
            assert asked is not None
            await finish(store, lease, OK)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.DEAD, 202),
        (State.CANCELLED, 202),
        (State.QUEUED, 200),
        (State.SUCCEEDED, 409),
        (State.RUNNING, 409),
    ],
)
async def test_retry_runs_a_dead_job_again(api: Api, store: Namespace, state: State, status: int) -> None:
    id, _ = await job_in(store, state)
    response = await api.http.post(f"/v1/jobs/{id}/retry", json={})
    assert response.status_code == status
    if status == 202:
        assert (response.json()["state"], response.json()["failures"]) == ("queued", 0)


async def test_retry_takes_another_payload_queue_and_delay(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.DEAD)
    body = {"payload": {"fixed": True}, "queue": "repaired", "delay_seconds": 60}
    job = (await api.http.post(f"/v1/jobs/{id}/retry", json=body)).json()
    assert (job["payload"], job["queue"], job["state"]) == ({"fixed": True}, "repaired", "scheduled")


async def test_run_now_does_not_wait(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.SCHEDULED)
    assert (await api.http.post(f"/v1/jobs/{id}/run-now")).status_code == 202
    assert (await api.http.post(f"/v1/jobs/{id}/run-now")).status_code == 200
    assert (await claim(store)).leases[0].job.id == id


async def test_changes_are_guarded_by_the_version(api: Api, store: Namespace) -> None:
    id = (await api.create(tags={"a": "1"}))["id"]
    other = await submit(store)
    response = await api.http.patch(f"/v1/jobs/{id}", json={"priority": 900}, headers={"If-Match": '"7"'})
    problem(response, 412, "version_mismatch")
    body = {"priority": 900, "tags": {"b": "2"}, "retry": {"max_attempts": 9}}
    job = (await api.http.patch(f"/v1/jobs/{id}", json=body, headers={"If-Match": '"1"'})).json()
    assert (job["priority"], job["tags"], job["max_attempts"], job["version"]) == (900, {"b": "2"}, 9, 2)
    assert (await api.http.get("/v1/jobs", params={"tag": "a:1"})).json()["items"] == []
    assert [lease.job.id for lease in (await claim(store, slots=2)).leases] == [other, id]


async def test_a_job_can_be_put_off_and_brought_back(api: Api) -> None:
    id = (await api.create())["id"]
    job = (await api.http.patch(f"/v1/jobs/{id}", json={"run_at": "9999-12-31T23:59:59Z"})).json()
    assert (job["state"], job["run_at"]) == ("scheduled", "9999-12-31T23:59:59.000Z")
    job = (await api.http.patch(f"/v1/jobs/{id}", json={"run_at": "2020-01-01T00:00:00+02:00"})).json()
    assert job["state"] == "queued"


async def test_finished_jobs_can_be_deleted(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.SUCCEEDED)
    assert (await api.http.delete(f"/v1/jobs/{id}")).status_code == 204
    problem(await api.http.get(f"/v1/jobs/{id}"), 404, "not_found")
    live, _ = await job_in(store, State.QUEUED)
    problem(await api.http.delete(f"/v1/jobs/{live}"), 409, "invalid_state")


async def test_attempts_tell_what_failed(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.RETRYING)
    row = (await api.http.get(f"/v1/jobs/{id}/attempts")).json()["items"][0]
    assert (row["attempt"], row["outcome"], row["type"], row["message"]) == (
        1,
        "failed",
        "ValueError",
        "broken",
    )
    assert row["traceback"] == "Traceback"
    job = (await api.http.get(f"/v1/jobs/{id}")).json()
    assert (job["attempt"], job["failures"], job["error"]["retryable"]) == (2, 1, True)


async def test_the_dead_letter_queue_holds_a_dead_job_once_until_it_is_redriven(
    api: Api, store: Namespace
) -> None:
    id = await submit(store, payload=b'{"order":1}')
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    other = await submit(store)
    await finish(store, (await claim(store)).leases[0], BROKEN)
    entries = (await api.http.get("/v1/dlq")).json()["items"]
    assert [(row["job_id"], row["reason"], row["payload"]) for row in entries] == [
        (id, "non_retryable", {"order": 1})
    ]
    assert (await api.http.get("/v1/dlq", params={"reason": "poison"})).json()["items"] == []
    problem(await api.http.get(f"/v1/dlq/{other}"), 404, "not_found")
    assert (await api.http.post(f"/v1/dlq/{id}/retry")).status_code == 202
    assert (await api.http.get("/v1/dlq")).json()["items"] == []


async def test_dead_letters_can_be_deleted(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.DEAD)
    assert (await api.http.delete(f"/v1/dlq/{id}")).status_code == 204
    problem(await api.http.get(f"/v1/jobs/{id}"), 404, "not_found")
