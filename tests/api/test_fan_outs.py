"""Fan-outs over HTTP: one request or many, refused as a whole or item by item."""

import hashlib
import os
from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOut, FanOutSpec, Item, follow_up_id, item_id
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.store.jobs import Idempotency
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.support import factories

pytestmark = pytest.mark.anyio

TEMPLATE = {"name": "work"}


async def create(api: Api, items: list[Any], **fields: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/fan-outs", json={"template": TEMPLATE, "items": items, **fields})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/fan-outs/{answer.json()['id']}"
    return answer.json()


async def add(api: Api, fan_out: dict[str, Any], start: int, items: list[Any]) -> Any:
    path = f"/v1/fan-outs/{fan_out['id']}/items"
    return await api.http.post(path, json={"start_index": start, "items": items})


async def seal(api: Api, fan_out: dict[str, Any], count: int) -> Any:
    return await api.http.post(f"/v1/fan-outs/{fan_out['id']}/seal", json={"expected_count": count})


async def get(api: Api, fan_out: dict[str, Any]) -> dict[str, Any]:
    return (await api.http.get(f"/v1/fan-outs/{fan_out['id']}")).json()


async def results(api: Api, fan_out: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    answer = await api.http.get(f"/v1/fan-outs/{fan_out['id']}/results", params=params)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [orjson.loads(line) for line in answer.content.splitlines()]


async def run(stores: Namespace, slots: int = 100, **outcomes: Any) -> int:
    """Claim and finish; `fail` holds payload texts of items that are to die."""
    leases = (await factories.claim(stores, slots, **outcomes.pop("claim", {}))).leases
    for lease in leases:
        bad = lease.job.payload in outcomes.get("fail", ())
        await factories.finish(stores, lease, factories.HOPELESS if bad else factories.OK)
    return len(leases)


async def test_one_request_becomes_a_job_per_item(api: Api, stores: Namespace) -> None:
    fan_out = await create(
        api,
        [{"order_id": "o-0"}, {"payload": {"order_id": "o-1"}, "key": "one", "priority": 7}],
        template={"name": "work", "payload": {"shop": "s"}, "queue": "bulk"},
    )
    assert (fan_out["object"], fan_out["state"], fan_out["sealed"]) == ("fan_out", "running", True)
    assert fan_out["counts"]["total"] == fan_out["counts"]["queued"] == 2
    first, second = await stores.queries.jobs([item_id(fan_out["id"], index) for index in range(2)])
    assert first is not None
    assert second is not None
    assert orjson.loads(first.payload) == {"shop": "s", "order_id": "o-0"}
    assert (second.priority, second.item_key, second.queue, second.fan_out_index) == (7, "one", "bulk", 1)
    assert await run(stores) == 2
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["succeeded"]) == ("succeeded", 2)
    assert await results(api, fan_out) == [
        {"index": index, "key": key, "job_id": item_id(fan_out["id"], index), "state": "succeeded",
         "result": {"ok": True}, "error": None}
        for index, key in enumerate((None, "one"))
    ]  # fmt: skip


async def test_an_item_that_fails_blocks_nobody_and_retry_runs_it_alone(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [{"n": 0}, {"n": 1}, {"n": 2}], then={"name": "report"})
    await run(stores, fail=[b'{"n":1}'])
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["succeeded"], ended["counts"]["dead"]) == ("failed", 2, 1)
    assert [row["index"] for row in await results(api, fan_out, state="dead")] == [1]
    then = await stores.queries.job(follow_up_id(fan_out["id"]))
    assert then is not None
    assert (then.id, then.state) == (ended["then_job_id"], "queued")
    again = await api.http.post(f"/v1/fan-outs/{fan_out['id']}/retry")
    assert (again.status_code, again.json()["counts"]["queued"]) == (202, 1)
    # It has not begun, so it waits for what runs again.
    assert (await stores.queries.job(then.id)).state == "blocked"  # type: ignore[union-attr]
    assert await run(stores) == 1
    assert (await get(api, fan_out))["state"] == "succeeded"
    ends = await stores.dependencies.ends(then.id)
    assert ends["fan_out"].counts is not None
    assert (ends["fan_out"].state, ends["fan_out"].counts["succeeded"]) == ("succeeded", 3)
    again = await api.http.post(f"/v1/fan-outs/{fan_out['id']}/retry")
    assert problem(again, 409, "invalid_state")["current_state"] == "succeeded"


async def test_chunks_come_in_any_order_and_twice(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [], sealed=False)
    assert (fan_out["state"], fan_out["sealed"]) == ("open", False)
    second = (await add(api, fan_out, 2, [{"n": 2}, {"n": 3}])).json()
    assert second == {"accepted": 2, "deduplicated": 0, "rejected": [], "next_index": 0, "sealed": False}
    first = (await add(api, fan_out, 0, [{"n": 0}, {"n": 1}, {"n": 2}])).json()
    assert (first["accepted"], first["deduplicated"], first["next_index"]) == (2, 1, 4)
    assert await run(stores) == 4
    assert (await get(api, fan_out))["state"] == "open"
    await stores.jobs.delete([item_id(fan_out["id"], 0)])
    again = (await add(api, fan_out, 0, [{"n": 0}])).json()
    assert (again["accepted"], again["deduplicated"]) == (0, 1)
    wrong = problem(await seal(api, fan_out, 5), 409, "count_mismatch")
    assert (wrong["count"], wrong["expected_count"], wrong["next_index"]) == (4, 5, 4)
    for _ in range(2):
        assert (await seal(api, fan_out, 4)).json()["state"] == "succeeded"
    assert problem(await seal(api, fan_out, 3), 409, "count_mismatch")["count"] == 4
    assert (await add(api, fan_out, 0, [{"n": 0}])).json()["sealed"] is True
    late = problem(await add(api, fan_out, 4, [{"n": 4}]), 409, "fan_out_sealed")
    assert late["current_state"] == "succeeded"
    # What was deleted while it went on can still be read.
    assert [row["state"] for row in await results(api, fan_out)] == ["succeeded"] * 4


async def test_an_empty_fan_out_ends_at_once(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [], then={"name": "work"})
    assert fan_out["state"] == "succeeded"
    assert (await get(api, fan_out))["state"] == "succeeded"
    assert await run(stores) == 1


async def test_an_invalid_item_refuses_the_request_and_says_where(api: Api, stores: Namespace) -> None:
    for item, pointer in (
        (3, "/items/1"),
        ({"payload": {}, "prioritty": 1}, "/items/1/prioritty"),
        ({"payload": {}, "priority": 1001}, "/items/1/priority"),
        ({"payload": []}, "/items/1/payload"),
    ):
        body = {"template": TEMPLATE, "items": [{"n": 0}, item]}
        refused = problem(await api.http.post("/v1/fan-outs", json=body), 422, "validation_failed")
        assert [row["pointer"] for row in refused["errors"]] == [pointer]
    large = {"template": TEMPLATE, "items": [{"text": "x" * 70_000}]}
    refused = problem(await api.http.post("/v1/fan-outs", json=large), 413, "payload_too_large")
    assert refused["errors"][0]["pointer"] == "/items/0"
    for field in ("template", "then"):
        body = {"template": TEMPLATE, "items": [], field: {"name": "work", "unique": {"key": "k"}}}
        refused = problem(await api.http.post("/v1/fan-outs", json=body), 422, "validation_failed")
        assert refused["errors"][0]["pointer"] == f"/{field}/unique"
    assert (await stores.groups.list(FanOut, 10, None)).items == []


async def test_bodies_are_read_as_strictly_as_all_others(api: Api) -> None:
    async def post(body: bytes, status: int, code: str) -> None:
        problem(await api.raw(body, "/v1/fan-outs"), status, code)

    head = b'{"template": {"name": "work"}, "items": '
    await post(head + b'[{"n": NaN}]}', 400, "json_invalid")
    await post(head + b'[{"n": 123456789012345678901}]}', 400, "json_invalid")
    await post(head + b'[{"n": "\\ud800"}]}', 400, "json_invalid")
    await post(head + b"[" + b'{"n":' * 70 + b"1" + b"}" * 70 + b"]}", 400, "json_invalid")
    await post(head + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "json_invalid")
    await post(head + b"[{}]", 400, "json_invalid")
    await post(head + b'[{"n": 1, "n": 2}]}', 400, "json_invalid")
    await post(head + b'[{}], "sealed": true, "sealed": false}', 400, "json_invalid")
    await post(head + b'[{"n": 1}], "items": []}', 400, "json_invalid")
    await post(head + b"{}}", 422, "validation_failed")
    await post(b"[]", 422, "validation_failed")
    await post(head + b'[], "sealled": true}', 422, "validation_failed")
    text = await api.http.post("/v1/fan-outs", content=b"{}", headers={"Content-Type": "text/plain"})
    problem(text, 415, "unsupported_media_type")


async def test_a_chunk_keeps_its_good_items(api: Api) -> None:
    fan_out = await create(api, [], sealed=False)
    answer = (await add(api, fan_out, 0, [{"n": 0}, {"payload": 1}, {"n": 2}])).json()
    assert (answer["accepted"], answer["next_index"]) == (2, 1)
    [row] = answer["rejected"]
    assert (row["index"], row["problem"]["errors"][0]["pointer"]) == (1, "/items/1/payload")
    problem(await add(api, fan_out, 999_999, [{}, {}]), 422, "validation_failed")


async def test_an_interrupted_submission_is_resumed_with_its_key(api: Api, stores: Namespace) -> None:
    body = orjson.dumps({"template": TEMPLATE, "items": [{"n": n} for n in range(250)]})
    key = {"Idempotency-Key": "k1"}
    # As a process leaves it that is killed in the middle.
    idempotency = Idempotency("POST /v1/fan-outs", "k1", hashlib.sha256(body).hexdigest())
    id = IdFactory(Clock().now_ms, os.urandom).new("fan", members=MEMBERS)
    await stores.fan_outs.open(id, FanOutSpec(JobSpec("work")), 250, idempotency)
    await stores.fan_outs.fill(id, [Item(index, b'{"n":%d}' % index) for index in range(100)])
    answers = [await api.raw(body, "/v1/fan-outs", **key) for _ in range(2)]
    assert [answer.json()["id"] for answer in answers] == [id, id]
    assert answers[0].json()["counts"]["queued"] == 250
    assert answers[0].content == answers[1].content
    assert answers[0].headers["idempotency-replayed"] == "true"
    found = await stores.groups.find(FanOut, id)
    assert found is not None
    assert (found.state, found.sealed, found.total) == ("running", True, 250)
    other = orjson.dumps({"template": TEMPLATE, "items": []})
    problem(await api.raw(other, "/v1/fan-outs", **key), 422, "idempotency_key_reused")


async def test_more_failures_than_tolerated_cancel_the_rest(api: Api, stores: Namespace) -> None:
    fan_out = await create(
        api, [{"n": n} for n in range(10)], failure_tolerance={"count": 1}, then={"name": "report"}
    )
    assert fan_out["failure_tolerance"] == {"count": 1, "percent": None}
    await run(stores, 1, fail=[b'{"n":0}'])
    assert (await get(api, fan_out))["state"] == "running"
    await run(stores, 1, fail=[b'{"n":1}'])
    await stores.group_tasks.work()
    ended = await get(api, fan_out)
    assert (ended["state"], ended["counts"]["dead"], ended["counts"]["cancelled"]) == ("failed", 2, 8)
    # A failed fan-out is followed; a cancelled one is not.
    assert (await stores.queries.job(ended["then_job_id"])).state == "queued"  # type: ignore[union-attr]


async def test_cancelling_ends_items_and_the_follow_up(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(5)], then={"name": "report"})
    lease = (await factories.claim(stores)).leases[0]
    path = f"/v1/fan-outs/{fan_out['id']}/cancel"
    asked = await api.http.post(path, json={"grace_seconds": 100})
    assert (asked.status_code, asked.json()["counts"]["cancelled"]) == (202, 4)
    problem(await api.http.delete(f"/v1/fan-outs/{fan_out['id']}"), 409, "invalid_state")
    await factories.finish(stores, lease, factories.OK)
    again = await api.http.post(path)
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    then = await stores.queries.job(follow_up_id(fan_out["id"]))
    assert then is not None
    assert (then.state, then.state_reason) == ("cancelled", "fan_out")
    assert (await api.http.delete(f"/v1/fan-outs/{fan_out['id']}")).status_code == 204
    problem(await api.http.get(f"/v1/fan-outs/{fan_out['id']}"), 404, "not_found")
    problem(await api.http.delete(f"/v1/fan-outs/{fan_out['id']}"), 404, "not_found")
    assert await stores.queries.jobs([then.id, item_id(fan_out["id"], 3)]) == [None, None]


async def test_waiting_for_the_end(api: Api, stores: Namespace) -> None:
    body = {"template": TEMPLATE, "items": []}
    ended = await api.http.post("/v1/fan-outs", json=body, headers={"Prefer": "wait=5"})
    assert (ended.status_code, ended.json()["state"]) == (200, "succeeded")
    fan_out = await create(api, [{"n": 1}])
    version = (await api.http.get(f"/v1/fan-outs/{fan_out['id']}")).headers["etag"]
    path = f"/v1/fan-outs/{fan_out['id']}?wait=0.05"
    assert (await api.http.get(path, headers={"If-None-Match": version})).status_code == 304
    await run(stores)
    assert (await api.http.get(path, headers={"If-None-Match": version})).json()["state"] == "succeeded"


async def test_jobs_of_a_fan_out_are_listed_in_pages(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(5)])
    await run(stores, 2)
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


async def test_results_are_resumed_by_index(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [{"n": n} for n in range(450)])
    await run(stores, 300)
    rows = await results(api, fan_out)
    assert [row["index"] for row in rows] == list(range(450))
    assert [row["index"] for row in await results(api, fan_out, from_index=447)] == [447, 448, 449]
    assert len(await results(api, fan_out, state="succeeded")) == 300


async def test_many_items_need_a_large_body(api: Api) -> None:
    items = [{"text": "x" * 3_000}] * 500
    fan_out = await create(api, items, sealed=False)
    assert (await add(api, fan_out, 500, items)).json()["accepted"] == 500
    too_large = {"content-length": str(33 * 1_048_576), "content-type": "application/json"}
    for path in ("/v1/fan-outs", f"/v1/fan-outs/{fan_out['id']}/items"):
        problem(await api.http.post(path, content=b"{}", headers=too_large), 413, "body_too_large")
    seal = f"/v1/fan-outs/{fan_out['id']}/seal"
    problem(await api.raw(b"{" + b" " * 2_000_000 + b"}", seal), 413, "body_too_large")


async def test_a_caller_who_may_not_see_payloads_sees_no_results(api: Api, stores: Namespace) -> None:
    fan_out = await create(api, [{"n": 1}])
    await run(stores)
    app_state = api.app.state.app_state
    caller = await app_state.authenticator.identify(None)

    async def identify(_: str | None) -> Any:
        return replace(caller, scopes=caller.scopes - {"payload:read"})

    app_state.authenticator.identify = identify
    assert [row["result"] for row in await results(api, fan_out)] == [None]


async def test_a_queue_that_is_full_takes_no_fan_out(api: Api, stores: Namespace) -> None:
    await stores.queues.configure("default", {"max_depth": 3})
    body = {"template": TEMPLATE, "items": [{}] * 4}
    problem(await api.http.post("/v1/fan-outs", json=body), 429, "queue_full")
    fan_out = await create(api, [{}] * 2, sealed=False)
    problem(await add(api, fan_out, 2, [{}, {}]), 429, "queue_full")
    assert (await add(api, fan_out, 2, [{}])).json()["accepted"] == 1
