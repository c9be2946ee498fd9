"""Searching lists of jobs and dead letters for a text."""

from typing import Any

import pytest

from service.domain.outcome import Failed, Failure
from service.store import job_search, queries
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.support.factories import claim, finish, submit

LISTS = ("/v1/jobs", "/v1/dlq")


async def found(api: Api, text: str, path: str = "/v1/jobs", **query: Any) -> set[str]:
    response = await api.http.get(path, params={"search": text, **query})
    assert response.status_code == 200, response.text
    return {row.get("job_id") or row["id"] for row in response.json()["items"]}


async def die(store: Namespace, message: str, **fields: Any) -> str:
    id = await submit(store, **fields)
    (lease,) = (await claim(store)).leases
    await finish(store, lease, Failed(Failure("BankError", message), retryable=False))
    return id


async def test_a_text_is_part_of_the_id_the_name_or_a_tag(api: Api, store: Namespace) -> None:
    mail = await submit(store, name="send-mail", tags={"tenant": "Acme"})
    report = await submit(store, name="report", tags={"tenant": "umbrella"}, queue="bulk")
    assert await found(api, "MAIL") == {mail}
    assert await found(api, report[-6:].lower()) == {report}
    assert await found(api, "tenant:acme") == {mail}
    assert await found(api, "a") == {mail, report}
    assert await found(api, "a", queue="bulk", tag="tenant:umbrella") == {report}
    # Neither the end of one word with the beginning of the next, nor a pattern.
    assert await found(api, f"{mail[-2:]}send") == set()
    for nothing in ("se.d", "%a", "[a-z]", "nothing"):
        assert await found(api, nothing) == set()


async def test_dead_jobs_are_found_by_their_cause(api: Api, store: Namespace) -> None:
    dead = [await die(store, f"order o-{number} was declined") for number in range(2)]
    other = await die(store, "out of stock", queue="bulk")
    await submit(store)
    for path in LISTS:
        assert await found(api, "Declined", path) == set(dead)
        assert await found(api, "BankError: order", path) == set(dead)
        assert await found(api, "bankerror", path) == {*dead, other}
        assert await found(api, "bankerror", path, queue="bulk") == {other}
    assert await found(api, "declined", state="queued") == set()
    assert (await api.http.post(f"/v1/jobs/{dead[0]}/retry")).status_code == 202
    assert await found(api, "declined") == {dead[1]}


async def test_a_search_also_narrows_the_jobs_of_a_flow(api: Api) -> None:
    nodes = {key: {"job": {"name": key}} for key in ("fetch", "invoice")}
    flow = (await api.http.post("/v1/flows", json={"name": "f", "jobs": nodes})).json()
    assert await found(api, "voice", flow_id=flow["id"]) == {flow["jobs"]["invoice"]}


async def test_a_message_that_the_caller_cannot_see_is_not_found(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    id = await die(store, "card 4111 declined")
    for scopes, expected in ((("payload:read",), {id}), ((), set[str]())):
        headers = await authorization(
            store.scripts.redis, store.scripts.namespace, ("jobs:read", "dlq:read", *scopes)
        )
        for path in LISTS:
            response = await api.http.get(path, params={"search": "declined"}, headers=headers)
            rows = response.json()["items"]
            assert {row.get("job_id") or row["id"] for row in rows} == expected
    await api.close()


async def test_a_search_is_bounded_and_continues_with_the_cursor(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = await submit(store, name="rare")
    for _ in range(7):
        await submit(store)
    monkeypatch.setattr(job_search, "SCAN_BUDGET", 2)
    monkeypatch.setattr(queries, "MAX_CANDIDATES", 4)
    first = (await api.http.get("/v1/jobs", params={"search": "rare"})).json()
    assert first["items"] == []
    query = {"search": "rare", "cursor": first["next_cursor"]}
    second = (await api.http.get("/v1/jobs", params=query)).json()
    assert ([row["id"] for row in second["items"]], second["next_cursor"]) == ([oldest], None)


@pytest.mark.parametrize("text", ["", "a\x00b", "a\nb", "x" * 201])
async def test_a_text_without_meaning_is_refused(api: Api, text: str) -> None:
    for path in LISTS:
        problem(await api.http.get(path, params={"search": text}), 422, "validation_failed")
