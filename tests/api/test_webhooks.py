"""Webhooks over HTTP: endpoints, secrets, deliveries, callbacks, and scopes."""

import base64
import os
from typing import Any

import httpx
import pytest

from service.clock import Clock
from service.domain.callback import EVENT_FILTERS
from service.domain.ids import IdFactory
from service.domain.webhook import CALLBACKS, MAX_ENDPOINTS
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import DOCUMENT
from tests.api.keys import authorization
from tests.store.webhooks import accept, drain, lease
from tests.support.factories import OK, claim, finish

HOOK = {"url": "https://shop.example/events?tenant=acme", "events": ["job.dead", "flow.*"]}


async def create(api: Api, **fields: Any) -> dict[str, Any]:
    response = await api.http.post("/v1/webhooks", json={**HOOK, **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def post(api: Api, id: str, action: str, status: int = 200, **body: Any) -> Any:
    response = await api.http.post(f"/v1/webhooks/{id}/{action}", json=body or None)
    assert response.status_code == status, response.text
    return response.json()


async def test_an_endpoint_is_created_read_changed_listed_and_deleted(api: Api) -> None:
    response = await api.http.post("/v1/webhooks", json=HOOK)
    created = response.json()
    path = f"/v1/webhooks/{created['id']}"
    assert (response.status_code, response.headers["location"]) == (201, path)
    assert len(base64.b64decode(created.pop("secret").removeprefix("whsec_"))) == 32
    assert created == {
        "id": created["id"],
        "object": "webhook",
        "version": 1,
        **HOOK,
        "description": "",
        "enabled": True,
        "disabled_at": None,
        "disabled_reason": None,
        "failing_since": None,
        "secret_overlap_until": None,
        "pending": 0,
        "dropped": 0,
        "created_at": created["created_at"],
    }
    read = await api.http.get(path)
    assert (read.json(), read.headers["etag"]) == (created, '"1"')
    changes = {"events": ["*"], "description": "all of it"}
    changed = await api.http.patch(path, json=changes, headers={"If-Match": '"1"'})
    assert changed.json() == {**created, **changes, "version": 2}
    problem(await api.http.patch(path, json=changes, headers={"If-Match": '"1"'}), 412, "version_mismatch")
    assert (await api.http.get("/v1/webhooks")).json() == {"items": [changed.json()], "next_cursor": None}
    problem(await api.http.delete(path, headers={"If-Match": '"1"'}), 412, "version_mismatch")
    assert (await api.http.delete(path)).status_code == 204
    problem(await api.http.get(path), 404, "not_found")
    problem(await api.http.patch(path, json={}), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://shop.example/"}, "/url"),
        ({"url": "https://user:pass@shop.example/"}, "/url"),
        ({"url": "https:///events"}, "/url"),
        ({"url": "https://shop.example:99999/"}, "/url"),
        ({"url": "https://[shop/"}, "/url"),
        ({"url": "https://shop.example/a b"}, "/url"),
        ({"url": "https://shop.example/#part"}, "/url"),
        ({"url": "https://shop.example/" + "x" * 2_048}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["job.expired"]}, "/events/0"),
        ({"secret": "whsec_mine"}, "/secret"),
    ],
)
async def test_a_request_that_names_no_usable_endpoint_is_refused(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    response = await api.http.post("/v1/webhooks", json={**HOOK, **body})
    document = problem(response, 422, "validation_failed")
    assert document["errors"][0]["pointer"].startswith(pointer)


def test_the_document_names_every_event() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["WebhookIn"]["properties"]["events"]["items"]["enum"]) == set(EVENT_FILTERS)


async def test_a_namespace_has_a_limited_number_of_endpoints(api: Api) -> None:
    for _ in range(MAX_ENDPOINTS):
        await create(api)
    problem(await api.http.post("/v1/webhooks", json=HOOK), 429, "too_many_webhooks")


async def test_a_secret_is_shown_once_and_the_old_one_overlaps(api: Api, store: Namespace) -> None:
    created = await create(api)
    rotated = await post(api, created["id"], "rotate-secret", overlap_seconds=3600)
    assert rotated["secret"] != created["secret"]
    assert rotated["secret_overlap_until"] is not None
    found = await store.webhooks.get(created["id"])
    assert found is not None
    assert [row.text for row in found.secrets] == [rotated["secret"], created["secret"]]
    again = await post(api, created["id"], "rotate-secret", overlap_seconds=60)
    found = await store.webhooks.get(created["id"])
    assert found is not None
    assert [row.text for row in found.secrets] == [again["secret"], rotated["secret"], created["secret"]]
    assert found.secrets[2].until is not None
    assert found.secrets[1].until is not None
    assert found.secrets[2].until > found.secrets[1].until, "the second rotation shortened the first overlap"
    await post(api, created["id"], "rotate-secret", overlap_seconds=0)
    found = await store.webhooks.get(created["id"])
    assert found is not None
    assert len(found.secrets) == 1
    for path in ("", f"/{created['id']}", f"/{created['id']}/deliveries"):
        assert "whsec" not in (await api.http.get(f"/v1/webhooks{path}")).text


async def test_the_secret_of_callbacks_is_created_by_its_first_rotation(api: Api) -> None:
    before = (await api.http.get("/v1/webhooks/callbacks")).json()
    assert (before["version"], before["url"], before["events"], before["created_at"]) == (0, None, [], None)
    rotated = await post(api, CALLBACKS, "rotate-secret")
    assert rotated["secret"].startswith("whsec_")
    assert (await post(api, CALLBACKS, "rotate-secret"))["secret_overlap_until"] is not None
    assert (await api.http.get("/v1/webhooks")).json()["items"] == []
    problem(await api.http.delete("/v1/webhooks/callbacks"), 404, "not_found")


async def test_an_endpoint_is_disabled_and_enabled(api: Api, store: Namespace) -> None:
    hook = await create(api, events=["*"])
    await post(api, hook["id"], "test", 202)
    disabled = await post(api, hook["id"], "disable")
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "requested")
    assert (await post(api, hook["id"], "disable"))["version"] == disabled["version"]
    response = await api.http.post(f"/v1/webhooks/{hook['id']}/test")
    problem(response, 409, "invalid_state")
    assert (await lease(store)).leased == []
    (row,) = (await api.http.get(f"/v1/webhooks/{hook['id']}/deliveries")).json()["items"]
    assert (row["status"], row["failure_reason"]) == ("failed", "disabled")
    resend = f"/v1/webhooks/{hook['id']}/deliveries/{row['id']}/resend"
    problem(await api.http.post(resend), 409, "invalid_state")
    enabled = await post(api, hook["id"], "enable")
    assert (enabled["enabled"], enabled["disabled_at"], enabled["disabled_reason"]) == (True, None, None)
    assert (await api.http.post(resend)).status_code == 202
    await drain(store)


async def test_a_test_event_is_delivered_listed_and_sent_again(api: Api, store: Namespace) -> None:
    hook = await create(api)
    sent = await post(api, hook["id"], "test", 202)
    assert (sent["event"], sent["status"], sent["attempts"]) == ("webhook.test", "pending", 0)
    assert sent["body"] == {
        "type": "webhook.test",
        "timestamp": sent["created_at"],
        "data": {"id": hook["id"], "object": "webhook"},
    }
    path = f"/v1/webhooks/{hook['id']}/deliveries"
    assert (await api.http.get(path)).json() == {"items": [sent], "next_cursor": None}
    (leased,) = (await lease(store)).leased
    await accept(store, leased)
    ended = (await api.http.get(f"{path}/{sent['id']}")).json()
    assert (ended["status"], ended["attempts"], ended["next_attempt_at"]) == ("delivered", 1, None)
    assert ended["last_attempt"] == {
        "at": "1970-01-01T00:00:00.001Z", "duration_seconds": 0.005, "status": 204, "error": None
    }  # fmt: skip
    for status, count in (("delivered", 1), ("failed", 0), ("pending", 0)):
        assert len((await api.http.get(f"{path}?status={status}")).json()["items"]) == count
    response = await api.http.post(f"{path}/{sent['id']}/resend")
    assert (response.status_code, response.json()["status"]) == (202, "pending")
    other = IdFactory(Clock().now_ms, os.urandom).new("del")
    problem(await api.http.get(f"{path}/{other}"), 404, "not_found")
    problem(await api.http.get(f"{path}?cursor=x"), 400, "cursor_invalid")
    await drain(store)


async def callback_of(api: Api, store: Namespace, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Submit with a callback; returns the resource, after a check that it shows the callback."""
    kind = {"/v1/jobs": "job", "/v1/flows": "flow", "/v1/fan-outs": "fan_out"}[path]
    events = [f"{kind}.succeeded"]
    callback = {"url": "https://shop.example/done?token=t-1", "events": events}
    response = await api.http.post(path, json={**body, "callback": callback})
    assert response.status_code == 202, response.text
    shown = {"url": "https://shop.example/done?[redacted]", "events": events}
    assert response.json()["callback"] == shown
    created = response.json()
    assert (await api.http.get(response.headers["location"])).json()["callback"] == shown
    assert await finish(store, (await claim(store)).leases[0], OK) == "moved"
    return created


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", {"name": "work"}),
        ("/v1/flows", {"name": "flow", "jobs": {"a": {"job": {"name": "work"}}}}),
        ("/v1/fan-outs", {"template": {"name": "work"}, "items": [{"n": 1}]}),
    ],
)
async def test_jobs_flows_and_fan_outs_have_callbacks(
    api: Api, store: Namespace, path: str, body: dict[str, Any]
) -> None:
    created = await callback_of(api, store, path, body)
    (leased,) = (await lease(store)).leased
    assert leased.url == "https://shop.example/done?token=t-1"
    (row,) = (await api.http.get("/v1/webhooks/callbacks/deliveries")).json()["items"]
    assert (row["resource_id"], row["webhook_id"]) == (created["id"], CALLBACKS)
    assert row["url"] == "https://shop.example/done?[redacted]"
    await accept(store, leased)


async def test_a_callback_reports_every_outcome_by_default_and_only_those_of_its_kind(api: Api) -> None:
    created = await api.create(callback={"url": "https://shop.example/done"})
    assert created["callback"]["events"] == ["job.succeeded", "job.dead", "job.cancelled"]
    for callback in ({"url": "https://x.example", "events": ["flow.failed"]}, {"url": "file:///x"}, {}):
        response = await api.http.post("/v1/jobs", json={"name": "work", "callback": callback})
        assert problem(response, 422, "validation_failed")["errors"][0]["pointer"].startswith("/callback")


async def test_a_callback_of_a_schedule_needs_the_scope_for_submitting(store: Namespace) -> None:
    api = Api(store.scripts.redis, "unused", auth="required")
    job = {"name": "work", "callback": {"url": "https://shop.example/done?token=t-1"}}

    async def put(*scopes: str) -> httpx.Response:
        headers = await authorization(store.scripts.redis, store.scripts.namespace, scopes)
        body = {"every_seconds": 3600, "job": job}
        return await api.http.put("/v1/schedules/s", json=body, headers=headers)

    document = problem(await put("schedules:write"), 403, "scope_missing")
    assert document["required_scope"] == "jobs:write"
    response = await put("schedules:write", "jobs:write")
    assert (response.status_code, "t-1" in response.text) == (201, False)
    await api.close()


async def test_endpoints_belong_to_their_namespace(store: Namespace) -> None:
    api = Api(store.scripts.redis, "unused", auth="required")
    mine = await authorization(store.scripts.redis, store.scripts.namespace)
    other = await authorization(store.scripts.redis, f"{store.scripts.namespace}-other")
    created = (await api.http.post("/v1/webhooks", json=HOOK, headers=mine)).json()
    problem(await api.http.get(f"/v1/webhooks/{created['id']}", headers=other), 404, "not_found")
    assert (await api.http.get("/v1/webhooks", headers=other)).json()["items"] == []
    await api.close()
