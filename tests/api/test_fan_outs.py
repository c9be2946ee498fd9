"""Fan-outs over HTTP: how they run and finish, and how clients read them."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.domain.fan_out import follow_up_id, item_id
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.fan_outs import TEMPLATE, create, get, results, run
from tests.support import factories

pytestmark = pytest.mark.anyio


async def test_one_request_becomes_a_job_per_item(api: Api, store: Namespace) -> None:
    fan_out = await create(
        api,
        [{"order_id": "o-0"}, {"payload": {"order_id": "o-1"}, "key": "one", "priority": 7}],
        template={"name": "work", "payload": {"shop": "s"}, "queue": "bulk"},
    )
    assert (fan_out["object"], fan_out["state"], fan_out["sealed"]) == ("fan_out", "running", True)
    assert fan_out["counts"]["total"] == fan_out["counts"]["queued"] == 2
    first, second = await store.queries.jobs([item_id(fan_out["id"], index) for index in range(2)])
    assert first is not None
    assert second is not None
    assert orjson.loads(first.payload) == {"shop": "s", "order_id": "o-0"}
    assert (second.priority, second.item_key, second.queue, second.fan_out_index) == (7, "one", "bulk", 1)
    assert await run(store) == 2
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["succeeded"]) == ("succeeded", 2)
    assert await results(api, fan_out) == [
        {"index": index, "key": key, "job_id": item_id(fan_out["id"], index), "state": "succeeded",
         "result": {"ok": True}, "error": None}
        for index, key in enumerate((None, "one"))
    ]  # fmt: skip


async def test_a_failed_item_blocks_no_other_and_retry_runs_only_that_one(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [{"n": 0}, {"n": 1}, {"n": 2}], then={"name": "report"})
    await run(store, fail=[b'{"n":1}'])
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["succeeded"], ended["counts"]["dead"]) == ("failed", 2, 1)
    assert [row["index"] for row in await results(api, fan_out, state="dead")] == [1]
    then = await store.queries.job(follow_up_id(fan_out["id"]))
    assert then is not None
    assert (then.id, then.state) == (ended["then_job_id"], "queued")
    again = await api.http.post(f"/v1/fan-outs/{fan_out['id']}/retry")
    assert (again.status_code, again.json()["counts"]["queued"]) == (202, 1)
    # The follow-up has not begun, so it waits for the items that run again.
    assert (await store.queries.job(then.id)).state == "blocked"  # type: ignore[union-attr]
    assert await run(store) == 1
    assert (await get(api, fan_out))["state"] == "succeeded"
    ends = await store.dependencies.results(then.id)
    assert ends["fan_out"].counts is not None
    assert (ends["fan_out"].state, ends["fan_out"].counts["succeeded"]) == ("succeeded", 3)
    again = await api.http.post(f"/v1/fan-outs/{fan_out['id']}/retry")
    assert problem(again, 409, "invalid_state")["current_state"] == "succeeded"


async def test_an_empty_fan_out_ends_at_once(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [], then={"name": "work"})
    assert fan_out["state"] == "succeeded"
    assert (await get(api, fan_out))["state"] == "succeeded"
    assert await run(store) == 1


async def test_more_failures_than_tolerated_cancel_the_rest(api: Api, store: Namespace) -> None:
    fan_out = await create(
        api, [{"n": n} for n in range(10)], failure_tolerance={"count": 1}, then={"name": "report"}
    )
    assert fan_out["failure_tolerance"] == {"count": 1, "percent": None}
    await run(store, 1, fail=[b'{"n":0}'])
    assert (await get(api, fan_out))["state"] == "running"
    await run(store, 1, fail=[b'{"n":1}'])
    await store.group_tasks.work()
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["dead"], ended["counts"]["cancelled"]) == ("failed", 2, 8)
    # A follow-up runs after a failed fan-out, but not after a cancelled one.
    assert (await store.queries.job(ended["then_job_id"])).state == "queued"  # type: ignore[union-attr]


async def test_cancelling_ends_items_and_the_follow_up(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(5)], then={"name": "report"})
    lease = (await factories.claim(store)).leases[0]
    path = f"/v1/fan-outs/{fan_out['id']}/cancel"
    asked = await api.http.post(path, json={"grace_seconds": 100})
    assert (asked.status_code, asked.json()["counts"]["cancelled"]) == (202, 4)
    problem(await api.http.delete(f"/v1/fan-outs/{fan_out['id']}"), 409, "invalid_state")
    await factories.finish(store, lease, factories.OK)
    again = await api.http.post(path)
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    then = await store.queries.job(follow_up_id(fan_out["id"]))
    assert then is not None
    assert (then.state, then.state_reason) == ("cancelled", "fan_out")
    assert (await api.http.delete(f"/v1/fan-outs/{fan_out['id']}")).status_code == 204
    problem(await api.http.get(f"/v1/fan-outs/{fan_out['id']}"), 404, "not_found")
    problem(await api.http.delete(f"/v1/fan-outs/{fan_out['id']}"), 404, "not_found")
    assert await store.queries.jobs([then.id, item_id(fan_out["id"], 3)]) == [None, None]


async def test_waiting_for_the_end(api: Api, store: Namespace) -> None:
    body = {"template": TEMPLATE, "items": []}
    ended = await api.http.post("/v1/fan-outs", json=body, headers={"Prefer": "wait=5"})
    assert (ended.status_code, ended.json()["state"]) == (200, "succeeded")
    fan_out = await create(api, [{"n": 1}])
    version = (await api.http.get(f"/v1/fan-outs/{fan_out['id']}")).headers["etag"]
    path = f"/v1/fan-outs/{fan_out['id']}?wait=0.05"
    assert (await api.http.get(path, headers={"If-None-Match": version})).status_code == 304
    await run(store)
    assert (await api.http.get(path, headers={"If-None-Match": version})).json()["state"] == "succeeded"


async def test_jobs_of_a_fan_out_are_listed_in_pages(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(5)])
    await run(store, 2)
    page = (await api.http.get(f"/v1/fan-outs/{fan_out['id']}/jobs", params={"limit": 3})).json()
    assert [job["fan_out_index"] for job in page["items"]] == [4, 3, 2]
    rest = {"limit": 3, "cursor": page["next_cursor"]}
    page = (await api.http.get(f"/v1/fan-outs/{fan_out['id']}/jobs", params=rest)).json()
    assert [job["fan_out_index"] for job in page["items"]] == [1, 0]
    assert page["next_cursor"] is None
    some = await api.http.get("/v1/jobs", params={"fan_out_id": fan_out["id"], "state": "succeeded"})
    assert [job["fan_out_index"] for job in some.json()["items"]] == [1, 0]
    other = await create(api, [])
    listed = (await api.http.get("/v1/fan-outs", params={"limit": 1})).json()
    assert [row["id"] for row in listed["items"]] == [other["id"]]
    listed = (await api.http.get("/v1/fan-outs", params={"cursor": listed["next_cursor"]})).json()
    assert [row["id"] for row in listed["items"]] == [fan_out["id"]]


async def test_results_are_resumed_by_index(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(450)])
    await run(store, 300)
    rows = await results(api, fan_out)
    assert [row["index"] for row in rows] == list(range(450))
    assert [row["index"] for row in await results(api, fan_out, from_index=447)] == [447, 448, 449]
    assert len(await results(api, fan_out, state="succeeded")) == 300


async def test_a_caller_without_access_to_payloads_sees_no_results(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [{"n": 1}])
    await run(store)
    app_state = api.app.state.app_state
    caller = await app_state.authenticator.identify(None)

    async def identify(_: str | None) -> Any:
        return replace(caller, scopes=caller.scopes - {"payload:read"})

    app_state.authenticator.identify = identify
    assert [row["result"] for row in await results(api, fan_out)] == [None]
