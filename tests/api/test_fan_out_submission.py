"""Submitting a fan-out in one request or in chunks, refused as a whole or item by item."""

import hashlib
import os

import orjson
import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOut, FanOutSpec, Item, item_id
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.store.jobs import Idempotency
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.fan_outs import TEMPLATE, add, create, get, results, run, seal

pytestmark = pytest.mark.anyio


async def test_chunks_come_in_any_order_and_twice(api: Api, store: Namespace) -> None:
    fan_out = await create(api, [], sealed=False)
    assert (fan_out["state"], fan_out["sealed"]) == ("open", False)
    second = (await add(api, fan_out, 2, [{"n": 2}, {"n": 3}])).json()
    assert second == {"accepted": 2, "deduplicated": 0, "rejected": [], "next_index": 0, "sealed": False}
    first = (await add(api, fan_out, 0, [{"n": 0}, {"n": 1}, {"n": 2}])).json()
    assert (first["accepted"], first["deduplicated"], first["next_index"]) == (2, 1, 4)
    assert await run(store) == 4
    assert (await get(api, fan_out))["state"] == "open"
    await store.jobs.delete([item_id(fan_out["id"], 0)])
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
    # The items deleted while it ran can still be read.
    assert [row["state"] for row in await results(api, fan_out)] == ["succeeded"] * 4


async def test_an_invalid_item_refuses_the_request_and_says_where(api: Api, store: Namespace) -> None:
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
    assert (await store.groups.list(FanOut, 10, None)).items == []


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
    response = (await add(api, fan_out, 0, [{"n": 0}, {"payload": 1}, {"n": 2}])).json()
    assert (response["accepted"], response["next_index"]) == (2, 1)
    [row] = response["rejected"]
    assert (row["index"], row["problem"]["errors"][0]["pointer"]) == (1, "/items/1/payload")
    problem(await add(api, fan_out, 999_999, [{}, {}]), 422, "validation_failed")


async def test_an_interrupted_submission_is_resumed_with_its_key(api: Api, store: Namespace) -> None:
    body = orjson.dumps({"template": TEMPLATE, "items": [{"n": n} for n in range(250)]})
    key = {"Idempotency-Key": "k1"}
    # The state that a process leaves when it is killed midway.
    idempotency = Idempotency("POST /v1/fan-outs", "k1", hashlib.sha256(body).hexdigest())
    id = IdFactory(Clock().now_ms, os.urandom).new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work")), 250, idempotency)
    await store.fan_outs.add_items(id, [Item(index, b'{"n":%d}' % index) for index in range(100)])
    responses = [await api.raw(body, "/v1/fan-outs", **key) for _ in range(2)]
    assert [response.json()["id"] for response in responses] == [id, id]
    assert responses[0].json()["counts"]["queued"] == 250
    assert responses[0].content == responses[1].content
    assert responses[0].headers["idempotency-replayed"] == "true"
    found = await store.groups.find(FanOut, id)
    assert found is not None
    assert (found.state, found.sealed, found.total) == ("running", True, 250)
    other = orjson.dumps({"template": TEMPLATE, "items": []})
    problem(await api.raw(other, "/v1/fan-outs", **key), 422, "idempotency_key_reused")


async def test_many_items_need_a_large_body(api: Api) -> None:
    items = [{"text": "x" * 3_000}] * 500
    fan_out = await create(api, items, sealed=False)
    assert (await add(api, fan_out, 500, items)).json()["accepted"] == 500
    too_large = {"content-length": str(33 * 1_048_576), "content-type": "application/json"}
    for path in ("/v1/fan-outs", f"/v1/fan-outs/{fan_out['id']}/items"):
        problem(await api.http.post(path, content=b"{}", headers=too_large), 413, "body_too_large")
    seal = f"/v1/fan-outs/{fan_out['id']}/seal"
    problem(await api.raw(b"{" + b" " * 2_000_000 + b"}", seal), 413, "body_too_large")


async def test_a_full_queue_accepts_no_fan_out(api: Api, store: Namespace) -> None:
    await store.queues.configure("default", {"max_depth": 3})
    body = {"template": TEMPLATE, "items": [{}] * 4}
    problem(await api.http.post("/v1/fan-outs", json=body), 429, "queue_full")
    fan_out = await create(api, [{}] * 2, sealed=False)
    problem(await add(api, fan_out, 2, [{}, {}]), 429, "queue_full")
    assert (await add(api, fan_out, 2, [{}])).json()["accepted"] == 1
