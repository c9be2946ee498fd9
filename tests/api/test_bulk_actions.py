"""Bulk actions over HTTP: validation, scopes, progress, and how clients stop them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api import background
from service.domain.states import State
from service.store.namespace import Namespace
from service.tasks import end
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.support.factories import job_in, state_of, submit

pytestmark = pytest.mark.anyio

BULK = "/v1/bulk-actions"
DLQ = "/v1/dlq/retry"
CANCEL: dict[str, Any] = {"action": "cancel", "filter": {"queue": "default"}}


@pytest.fixture
async def kept(api: Api) -> AsyncIterator[Api]:
    """The API with its background duties, which carry out bulk actions."""
    app_state = api.app.state.app_state
    app_state.namespace_state(app_state.settings.namespace)
    tasks = [asyncio.create_task(duty) for duty in background.duties(app_state)]
    yield api
    await end(tasks)


async def act(api: Api, path: str = BULK, **body: Any) -> dict[str, Any]:
    response = await api.http.post(path, json=body)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"{BULK}/{response.json()['id']}"
    assert response.headers["etag"] == '"1"'
    return response.json()


async def ended(api: Api, action: dict[str, Any]) -> dict[str, Any]:
    response = await api.http.get(f"{BULK}/{action['id']}", params={"wait": 20})
    assert response.status_code == 200
    return response.json()


async def test_every_job_that_matches_is_cancelled_and_no_other(kept: Api, store: Namespace) -> None:
    ids = [await submit(store, tags={"tenant": "acme"}) for _ in range(130)]
    other = await submit(store, tags={"tenant": "other"})
    action = await act(kept, action="cancel", filter={"queue": "default", "tag": ["tenant:acme"]})
    assert (action["object"], action["version"], action["state"]) == ("bulk_action", 1, "running")
    assert action["counts"] == {"matched": 0, "succeeded": 0, "skipped": 0}
    assert (action["filter"]["tag"], action["filter"]["state"]) == (["tenant:acme"], None)
    done = await ended(kept, action)
    assert (done["state"], done["counts"]) == ("succeeded", {"matched": 130, "succeeded": 130, "skipped": 0})
    assert done["finished_at"] is not None
    assert {await state_of(store, id) for id in ids} == {State.CANCELLED}
    assert await state_of(store, other) == State.QUEUED
    assert (await kept.http.get(BULK)).json() == {"items": [done], "next_cursor": None}


async def test_dead_jobs_run_again_by_queue_and_reason(kept: Api, store: Namespace) -> None:
    dead, _ = await job_in(store, State.DEAD)
    cancelled, _ = await job_in(store, State.CANCELLED)
    for wrong in ({"reason": "poison"}, {"queue": "other"}):
        action = await ended(kept, await act(kept, DLQ, filter=wrong))
        assert action["counts"]["matched"] == 0
    action = await act(kept, DLQ, filter={"reason": "non_retryable", "queue": "default"})
    assert (action["action"], action["filter"]["state"]) == ("retry", "dead")
    assert (await ended(kept, action))["counts"]["succeeded"] == 1
    assert await state_of(store, dead) == State.QUEUED
    assert await state_of(store, cancelled) == State.CANCELLED


async def test_finished_jobs_are_deleted(kept: Api, store: Namespace) -> None:
    done, _ = await job_in(store, State.SUCCEEDED)
    action = await act(kept, action="delete", filter={"name": "work", "state": "succeeded"})
    assert (await ended(kept, action))["counts"]["succeeded"] == 1
    assert await store.queries.job(done) is None


async def test_a_dry_run_counts_and_does_nothing(api: Api, store: Namespace) -> None:
    ids = [await submit(store) for _ in range(3)]
    for path, body, matched in (
        (BULK, CANCEL, 3),
        (BULK, {"action": "delete", "filter": {"queue": "default"}}, 0),
        (DLQ, {"filter": {"queue": "default"}}, 0),
    ):
        response = await api.http.post(path, json={**body, "dry_run": True})
        assert response.status_code == 200
        assert (response.json()["matched"], response.json()["at_least"]) == (matched, False)
    assert (await api.http.get(BULK)).json()["items"] == []
    assert {await state_of(store, id) for id in ids} == {State.QUEUED}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        (BULK, {"action": "cancel", "filter": {}}, "/filter"),
        (BULK, {"action": "cancel", "filter": {"queue": None, "tag": []}}, "/filter"),
        (BULK, {"action": "cancel"}, "/filter"),
        (DLQ, {"filter": {}}, "/filter"),
        (BULK, {"action": "cancel", "filter": {"state": "dead"}}, "/filter/state"),
        (BULK, {"action": "retry", "filter": {"state": "queued"}}, "/filter/state"),
        (BULK, {"action": "delete", "filter": {"state": "running"}}, "/filter/state"),
        (BULK, {"action": "cancel", "filter": {"reason": "poison"}}, "/filter/reason"),
        (DLQ, {"filter": {"state": "dead"}}, "/filter/state"),
        (DLQ, {"filter": {"reason": "requested"}}, "/filter/reason"),
        (BULK, {"action": "pause", "filter": {"queue": "default"}}, "/action"),
        (BULK, {"action": "cancel", "filter": {"tag": ["a:b", "a:c"]}}, "/filter/tag"),
        (BULK, {"action": "cancel", "filter": {"tag": ["a"]}}, "/filter/tag/0"),
        (BULK, {**CANCEL, "rate_per_second": 0}, "/rate_per_second"),
        (BULK, {**CANCEL, "rate_per_second": 5e-324}, "/rate_per_second"),
        (BULK, {**CANCEL, "rate_per_second": 5_001}, "/rate_per_second"),
        (BULK, {**CANCEL, "max": 0}, "/max"),
        (
            BULK,
            {
                "action": "cancel",
                "filter": {"flow_id": f"flow_{'0' * 26}", "fan_out_id": f"fan_{'0' * 26}"},
            },
            "/filter",
        ),
    ],
)
async def test_a_filter_that_could_match_too_much_is_refused(
    api: Api, path: str, body: dict[str, Any], pointer: str
) -> None:
    for dry_run in (False, True):
        document = problem(
            await api.http.post(path, json={**body, "dry_run": dry_run}), 422, "validation_failed"
        )
        assert pointer in {row["pointer"] for row in document["errors"]}


async def test_an_action_is_paused_resumed_and_cancelled(api: Api) -> None:
    action = await act(api, **CANCEL)

    async def direct(verb: str) -> Any:
        return await api.http.post(f"{BULK}/{action['id']}/{verb}")

    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        for _ in range(2):
            response = await direct(verb)
            assert (response.status_code, response.json()["state"]) == (200, state)
    for verb in ("pause", "resume"):
        assert problem(await direct(verb), 409, "invalid_state")["current_state"] == "cancelled"
    version = (await api.http.get(f"{BULK}/{action['id']}")).json()["version"]
    headers = {"If-None-Match": f'"{version}"'}
    assert (await api.http.get(f"{BULK}/{action['id']}", headers=headers)).status_code == 304


async def test_an_idempotency_key_is_one_action(api: Api, store: Namespace) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await api.http.post(BULK, json=CANCEL, headers=headers)
    await store.bulk_batches.work()
    again = await api.http.post(BULK, json=CANCEL, headers=headers)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await api.http.post(BULK, json={**CANCEL, "max": 1}, headers=headers)
    problem(other, 422, "idempotency_key_reused")
    # The scope of an idempotency key is its operation.
    elsewhere = await api.http.post(DLQ, json={"filter": {"queue": "default"}}, headers=headers)
    assert elsewhere.status_code == 202
    assert len((await api.http.get(BULK)).json()["items"]) == 2


async def test_a_retry_needs_the_scope_of_the_dead_letter_queue(store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    guarded = Api(redis, namespace, auth="required")
    writer = await authorization(redis, namespace, ["jobs:write"])
    both = await authorization(redis, namespace, ["jobs:write", "dlq:write"])
    body = {"action": "retry", "filter": {"state": "dead"}}
    for dry_run in (False, True):
        refused = await guarded.http.post(BULK, json={**body, "dry_run": dry_run}, headers=writer)
        assert problem(refused, 403, "scope_missing")["required_scope"] == "dlq:write"
    refused = await guarded.http.post(DLQ, json={"filter": {"queue": "default"}}, headers=writer)
    assert problem(refused, 403, "scope_missing")["required_scope"] == "dlq:write"
    action = (await guarded.http.post(BULK, json=body, headers=both)).json()
    # A caller without the scope to start this action may stop it, but not resume it.
    assert (await guarded.http.post(f"{BULK}/{action['id']}/pause", headers=writer)).status_code == 200
    refused = await guarded.http.post(f"{BULK}/{action['id']}/resume", headers=writer)
    assert problem(refused, 403, "scope_missing")["required_scope"] == "dlq:write"
    assert (await guarded.http.post(f"{BULK}/{action['id']}/resume", headers=both)).status_code == 200
    await guarded.close()


async def test_the_list_is_read_page_by_page(api: Api) -> None:
    ids = [(await act(api, **CANCEL))["id"] for _ in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await api.http.get(BULK, params=params)).json()
        seen += [action["id"] for action in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == ids[::-1]
