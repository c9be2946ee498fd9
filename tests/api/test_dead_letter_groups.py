"""Groups of dead letters over HTTP: their texts, and how to act on a group as one."""

from typing import Any

import orjson

from service.domain.catalogue import JobType
from service.domain.outcome import Failed, Failure
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.support.factories import claim, finish, register_worker, submit

GROUPS = "/v1/dlq/groups"


async def die(store: Namespace, message: str, **fields: Any) -> str:
    id = await submit(store, **fields)
    (lease,) = (await claim(store)).leases
    await finish(store, lease, Failed(Failure("ValueError", message), retryable=False))
    return id


async def items(api: Api, path: str = GROUPS, **query: Any) -> list[dict[str, Any]]:
    response = await api.http.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()["items"]


async def test_a_group_names_its_cause_and_its_jobs_name_the_group(api: Api, store: Namespace) -> None:
    ids = {await die(store, f"order {number} is missing") for number in range(3)}
    other = await die(store, "the bank refused")
    large, small = await items(api)
    assert (large["count"], large["error_type"], large["name"]) == (3, "ValueError", "work")
    assert large["message"].endswith("is missing")
    assert small["example_job_id"] == other
    letters = await items(api, "/v1/dlq", fingerprint=large["fingerprint"])
    assert {letter["job_id"] for letter in letters} == ids
    assert {letter["fingerprint"] for letter in letters} == {large["fingerprint"]}
    assert [row["count"] for row in await items(api, order="last_seen")] == [1, 3]


async def test_a_group_is_retried_or_deleted_as_one(api: Api, store: Namespace) -> None:
    for message in ("one", "one", "two", "two", "two", "three"):
        await die(store, message)
    names = {row["message"]: row["fingerprint"] for row in await items(api)}
    dry = {"filter": {"fingerprint": names["one"]}, "dry_run": True}
    assert (await api.http.post("/v1/dlq/retry", json=dry)).json()["matched"] == 2
    retry = await api.http.post("/v1/dlq/retry", json={"filter": {"fingerprint": names["one"]}})
    assert (retry.status_code, retry.json()["filter"]["fingerprint"]) == (202, names["one"])
    chosen = {"state": "dead", "fingerprint": names["two"]}
    delete = await api.http.post("/v1/bulk-actions", json={"action": "delete", "filter": chosen})
    assert delete.status_code == 202
    work = api.app.state.app_state.namespace_state(store.scripts.namespace).namespace.bulk_batches.work
    while await work() is not None:
        pass
    assert [row["message"] for row in await items(api)] == ["three"]


async def test_messages_are_hidden_like_those_of_jobs(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    await register_worker(store, [JobType("secretive", redact=("/card",))], job_types=("work", "secretive"))
    await die(store, "broken")
    id = await submit(store, name="secretive", payload=orjson.dumps({"card": "4111"}), redact=("/card",))
    (lease,) = (await claim(store, types={"secretive": None})).leases
    assert lease.job.id == id
    await finish(store, lease, Failed(Failure("ValueError", "card 4111"), retryable=False))

    async def messages(*scopes: str) -> dict[str, str]:
        headers = await authorization(store.scripts.redis, store.scripts.namespace, scopes)
        rows = (await api.http.get(GROUPS, headers=headers)).json()["items"]
        return {row["name"]: row["message"] for row in rows}

    assert await messages("dlq:read", "payload:read") == {"work": "broken", "secretive": "[redacted]"}
    assert set((await messages("dlq:read")).values()) == {"[redacted]"}
    await api.close()


async def test_groups_are_found_by_the_texts_that_the_caller_sees(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    await die(store, "the Bank refused")
    await die(store, "broken")

    async def found(search: str, *scopes: str) -> list[str]:
        headers = await authorization(store.scripts.redis, store.scripts.namespace, scopes)
        response = await api.http.get(GROUPS, headers=headers, params={"search": search})
        return [row["message"] for row in response.json()["items"]]

    assert await found("bank", "dlq:read", "payload:read") == ["the Bank refused"]
    assert await found("bank", "dlq:read") == []
    assert len(await found("valueerror", "dlq:read")) == 2
    await api.close()


async def test_invalid_cursors_and_fingerprints_are_refused(api: Api) -> None:
    problem(await api.http.get(GROUPS, params={"cursor": "eA"}), 400, "cursor_invalid")
    for path in (GROUPS + "?order=size", "/v1/dlq?fingerprint=XYZ"):
        problem(await api.http.get(path), 422, "validation_failed")
