"""Flows over HTTP."""

from typing import Any

import pytest

from service.store.namespace import Namespace
from service.store.redis import keys
from tests.api.client import Api, problem
from tests.support.factories import HOPELESS, OK, claim, finish


def node(*depends_on: Any, **fields: Any) -> dict[str, Any]:
    return {"job": {"name": "work", **fields}, "depends_on": list(depends_on)}


async def create(api: Api, jobs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = await api.http.post("/v1/flows", json={"name": "invoice", "jobs": jobs, **fields})
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/flows/{response.json()['id']}"
    return response.json()


async def end_all(store: Namespace, outcome: Any = OK) -> None:
    while leases := (await claim(store, 50)).leases:
        for lease in leases:
            await finish(store, lease, outcome)
    await store.group_tasks.work()


async def test_a_flow_is_created_with_its_counts_and_its_jobs(api: Api) -> None:
    flow = await create(
        api, {"a": node(), "b": node(delay_seconds=60), "c": node("a", {"key": "b", "when": "finished"})}
    )
    assert (flow["object"], flow["name"], flow["state"], flow["finished_at"]) == (
        "flow",
        "invoice",
        "running",
        None,
    )
    assert flow["counts"] == {
        "total": 3, "blocked": 1, "scheduled": 1, "queued": 1, "running": 0, "retrying": 0,
        "succeeded": 0, "dead": 0, "cancelled": 0,
    }  # fmt: skip
    read = await api.http.get(f"/v1/flows/{flow['id']}")
    assert {**read.json(), "version": 0} == {**flow, "version": 0}
    job = (await api.http.get(f"/v1/jobs/{flow['jobs']['c']}")).json()
    assert (job["flow_id"], job["flow_key"], job["state"]) == (flow["id"], "c", "blocked")
    listed = (await api.http.get("/v1/flows")).json()["items"]
    assert [row["id"] for row in listed] == [flow["id"]]
    assert "jobs" not in listed[0]


@pytest.mark.parametrize(
    ("jobs", "pointer", "code", "message"),
    [
        ({"a": node("b"), "b": node("c"), "c": node("a")}, "/jobs/a", "cycle", "a -> b -> c -> a"),
        ({"a": node("a")}, "/jobs/a/depends_on/0", "cycle", "a -> a"),
        ({"a": node(), "b": node("a", "x")}, "/jobs/b/depends_on/1", "unknown_key", "'x'"),
        (
            {"a": node(), "b": node("a", {"key": "a", "when": "failed"})},
            "/jobs/b/depends_on/1",
            "duplicate_key",
            "'a'",
        ),
    ],
)
async def test_a_graph_that_cannot_run_is_refused_with_its_path(
    api: Api, store: Namespace, jobs: Any, pointer: str, code: str, message: str
) -> None:
    document = problem(
        await api.http.post("/v1/flows", json={"name": "x", "jobs": jobs}), 422, "flow_invalid"
    )
    (row,) = document["errors"]
    assert (row["pointer"], row["code"]) == (pointer, code)
    assert message in row["message"]
    assert await store.scripts.redis.keys(f"{store.scripts.prefix}*flow*") == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "jobs": {}}, "/jobs"),
        ({"name": "x", "jobs": {"a": {"job": {"nam": "work"}}}}, "/jobs/a/job/name"),
        ({"name": "x", "jobs": {"a": {"job": {"name": "work", "priority": 1001}}}}, "/jobs/a/job/priority"),
        ({"name": "x", "jobs": {"a b": node()}}, "/jobs/a b"),
        ({"name": "x", "jobs": {"a": node(unique={"key": "k"})}}, "/jobs/a/job/unique"),
        ({"name": "x", "on_failure": "explode", "jobs": {"a": node()}}, "/on_failure"),
        ({"name": "x", "jobs": {"a": node()}, "state": "running"}, "/state"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_with_a_pointer(api: Api, body: Any, pointer: str) -> None:
    document = problem(await api.http.post("/v1/flows", json=body), 422, "validation_failed")
    assert pointer in [row["pointer"] for row in document["errors"]]


async def test_more_than_ten_thousand_jobs_are_refused(api: Api) -> None:
    jobs = {f"j{n}": {"job": {"name": "work"}} for n in range(10_001)}
    problem(await api.http.post("/v1/flows", json={"name": "x", "jobs": jobs}), 422, "flow_invalid")


async def test_the_same_key_and_body_give_the_same_flow_and_response(api: Api, store: Namespace) -> None:
    body = {"name": "x", "jobs": {"a": node(), "b": node("a")}}
    headers = {"Idempotency-Key": "k-1"}
    first = await api.http.post("/v1/flows", json=body, headers=headers)
    await end_all(store)
    again = await api.http.post("/v1/flows", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await api.http.post("/v1/flows", json={**body, "name": "y"}, headers=headers)
    problem(other, 422, "idempotency_key_reused")


async def test_a_failure_cancels_unstarted_jobs_and_a_retry_keeps_finished_ones(
    api: Api, store: Namespace
) -> None:
    jobs = {"good": node(), "bad": node("good"), "after": node("bad"), "apart": node(delay_seconds=60)}
    flow = await create(api, jobs)
    await finish(store, (await claim(store)).leases[0], OK)
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    await store.group_tasks.work()
    failed = (await api.http.get(f"/v1/flows/{flow['id']}")).json()
    assert (failed["state"], failed["counts"]["dead"], failed["counts"]["cancelled"]) == ("failed", 1, 2)
    rows = (await api.http.get(f"/v1/flows/{flow['id']}/jobs")).json()["items"]
    assert {row["flow_key"]: row["state_reason"] for row in rows} == {
        "good": None, "bad": "non_retryable", "after": "dependency", "apart": "flow",
    }  # fmt: skip
    retried = await api.http.post(f"/v1/flows/{flow['id']}/retry")
    assert (retried.status_code, retried.json()["state"]) == (202, "running")
    assert retried.json()["counts"]["succeeded"] == 1
    await end_all(store)
    done = (await api.http.get(f"/v1/flows/{flow['id']}", params={"wait": 5})).json()
    assert (done["state"], done["counts"]["succeeded"]) == ("succeeded", 4)
    good = (await api.http.get(f"/v1/jobs/{flow['jobs']['good']}")).json()
    assert good["deliveries"] == 1
    again = problem(await api.http.post(f"/v1/flows/{flow['id']}/retry"), 409, "invalid_state")
    assert again["current_state"] == "succeeded"


async def test_a_dead_job_that_is_redriven_takes_its_dependents_along(api: Api, store: Namespace) -> None:
    flow = await create(api, {"a": node(), "b": node("a")}, on_failure="continue")
    await end_all(store, HOPELESS)
    assert (await api.http.get(f"/v1/flows/{flow['id']}")).json()["state"] == "failed"
    assert (await api.http.post(f"/v1/dlq/{flow['jobs']['a']}/retry")).status_code == 202
    await store.group_tasks.work()
    await end_all(store)
    done = (await api.http.get(f"/v1/flows/{flow['id']}")).json()
    assert (done["state"], done["counts"]["succeeded"]) == ("succeeded", 2)


async def test_an_action_succeeds_although_redis_refuses_work_on_another_flow(
    api: Api, store: Namespace
) -> None:
    flow = await create(api, {"a": node(), "b": node("a")})
    prefix, broken = store.scripts.prefix, "flow_01J00000000000000000000000"
    await store.scripts.redis.set(keys.group(prefix, group=broken), "not a hash")
    await store.scripts.redis.zadd(keys.tasks(prefix), {f"cancel {broken}": 0})
    asked = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
    assert (asked.status_code, asked.json()["state"]) == (200, "cancelled")


async def test_cancelling_ends_waiting_jobs_and_sends_a_request_to_running_ones(
    api: Api, store: Namespace
) -> None:
    flow = await create(api, {"a": node(), "b": node("a"), "c": node(delay_seconds=9)})
    lease = (await claim(store)).leases[0]
    asked = await api.http.post(f"/v1/flows/{flow['id']}/cancel", json={"grace_seconds": 60})
    assert (asked.status_code, asked.json()["state"]) == (202, "running")
    assert asked.json()["counts"]["cancelled"] == 2
    assert await finish(store, lease, OK) == "cancelled"
    again = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
    assert (again.status_code, again.json()["state"], again.json()["counts"]["cancelled"]) == (
        200,
        "cancelled",
        3,
    )
    job = (await api.http.get(f"/v1/jobs/{flow['jobs']['a']}")).json()
    assert (job["state"], job["state_reason"], job["result"]) == ("cancelled", "flow", None)


async def test_only_a_flow_that_has_ended_can_be_deleted(api: Api, store: Namespace) -> None:
    flow = await create(api, {"a": node(), "b": node("a")})
    problem(await api.http.delete(f"/v1/flows/{flow['id']}"), 409, "invalid_state")
    await end_all(store)
    problem(await api.http.post(f"/v1/flows/{flow['id']}/cancel"), 409, "invalid_state")
    assert (await api.http.delete(f"/v1/flows/{flow['id']}")).status_code == 204
    problem(await api.http.get(f"/v1/flows/{flow['id']}"), 404, "not_found")
    problem(await api.http.get(f"/v1/jobs/{flow['jobs']['a']}"), 404, "not_found")
    assert (await api.http.get("/v1/flows")).json()["items"] == []


async def test_a_deadline_ends_a_flow(api: Api, store: Namespace) -> None:
    flow = await create(api, {"a": node(), "b": node("a", deadline_seconds=1)}, deadline_seconds=50)
    await store.leases.expire_jobs(now="99999999999999")
    await store.group_tasks.work()
    done = (await api.http.get(f"/v1/flows/{flow['id']}")).json()
    assert (done["state"], done["counts"]["dead"]) == ("failed", 2)


async def test_the_graph_is_there_as_json_and_as_mermaid(api: Api, store: Namespace) -> None:
    flow = await create(api, {"a": node(), "b": node({"key": "a", "when": "finished"}), "c": node("a", "b")})
    graph = (await api.http.get(f"/v1/flows/{flow['id']}/graph")).json()
    assert [(row["key"], row["state"]) for row in graph["nodes"]] == [
        ("a", "queued"),
        ("b", "blocked"),
        ("c", "blocked"),
    ]
    edges = {(row["from"], row["to"], row["when"]) for row in graph["edges"]}
    assert edges == {("a", "b", "finished"), ("a", "c", "succeeded"), ("b", "c", "succeeded")}
    text = await api.http.get(f"/v1/flows/{flow['id']}/graph", headers={"Accept": "text/vnd.mermaid"})
    assert text.headers["content-type"].startswith("text/vnd.mermaid")
    assert text.text.startswith("flowchart TD\n")
    assert '["a<br/>queued"]' in text.text
    assert "-->|finished|" in text.text


async def test_jobs_of_a_flow_are_listed_by_pages_and_filters(api: Api) -> None:
    flow = await create(api, {f"j{n}": node(tags={"odd": str(n % 2)}) for n in range(7)})
    await api.create()
    keys: list[str] = []
    cursor = None
    while True:
        page = (
            await api.http.get(
                f"/v1/flows/{flow['id']}/jobs", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        keys += [row["flow_key"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert keys == [f"j{n}" for n in range(6, -1, -1)]
    found = (await api.http.get("/v1/jobs", params={"flow_id": flow["id"], "tag": "odd:1"})).json()["items"]
    assert [row["flow_key"] for row in found] == ["j5", "j3", "j1"]
    problem(await api.http.get(f"/v1/flows/{flow['id']}/jobs?cursor=xxxx"), 400, "cursor_invalid")


async def test_a_long_poll_returns_when_the_flow_changes(api: Api, store: Namespace) -> None:
    flow = await create(api, {"a": node()})
    read = await api.http.get(f"/v1/flows/{flow['id']}")
    etag = read.headers["etag"]
    same = await api.http.get(f"/v1/flows/{flow['id']}", headers={"If-None-Match": etag})
    assert same.status_code == 304
    late = await api.http.get(
        f"/v1/flows/{flow['id']}", params={"wait": 0.2}, headers={"If-None-Match": etag}
    )
    assert late.status_code == 304
    await end_all(store)
    changed = await api.http.get(
        f"/v1/flows/{flow['id']}", params={"wait": 20}, headers={"If-None-Match": etag}
    )
    assert changed.json()["state"] == "succeeded"


@pytest.mark.parametrize("path", ["", "/graph", "/jobs", "/cancel", "/retry"])
async def test_an_unknown_flow_is_not_found(api: Api, path: str) -> None:
    url = f"/v1/flows/flow_01M85QCM3VN2A0H686WCBXCF8E{path}"
    method = "POST" if path in ("/cancel", "/retry") else "GET"
    problem(await api.http.request(method, url), 404, "not_found")
    if not path:
        problem(await api.http.delete(url), 404, "not_found")
