"""Webhooks, their deliveries, and callbacks of submissions, against the API."""

import httpx
import pytest

import triage_client
from service.store.namespace import Namespace
from tests.clients.scripted import Script, job
from tests.store.webhooks import accept, drain, lease
from triage_client import AsyncTriage, job_spec

URL = "https://shop.example/events"


async def test_an_endpoint_is_created_changed_disabled_and_deleted(triage: AsyncTriage) -> None:
    hook = await triage.create_webhook(URL, "job.dead", description="the shop")
    assert (hook.url, hook.enabled, hook.disabled_reason) == (URL, True, None)
    first = hook.secret
    assert first is not None
    assert first.startswith("whsec_")
    second = await hook.rotate_secret(overlap_seconds=60)
    assert hook.secret == second != first
    assert hook.data["secret_overlap_until"] is not None
    read = await triage.get_webhook(hook.id)
    assert (read.secret, read.data["description"]) == (None, "the shop")
    await read.update(events=["flow.*", "job.*"], if_match=read.data["version"])
    assert read.data["events"] == ["flow.*", "job.*"]
    with pytest.raises(triage_client.VersionMismatch):
        await hook.update(description="", if_match=1)
    assert not (await hook.disable()).enabled
    assert (await hook.enable()).disabled_reason is None
    assert [row.id async for row in triage.webhooks()] == [hook.id]
    await hook.delete()
    assert [row.id async for row in triage.webhooks()] == []
    assert (await triage.webhook("callbacks").refresh()).url is None


async def test_a_delivery_is_listed_read_and_sent_again(triage: AsyncTriage, store: Namespace) -> None:
    hook = await triage.create_webhook(URL, ["*"])
    sent = await hook.test()
    assert (sent.event, sent.status, sent.webhook_id) == ("webhook.test", "pending", hook.id)
    assert [row.id async for row in hook.deliveries("pending")] == [sent.id]
    assert [row.id async for row in hook.deliveries("failed")] == []
    (leased,) = (await lease(store)).leased
    await accept(store, leased)
    assert (await sent.refresh()).status == "delivered"
    assert (await hook.delivery(sent.id).resend()).status == "pending"
    await drain(store)


async def test_jobs_flows_and_fan_outs_have_callbacks(triage: AsyncTriage) -> None:
    job = await triage.submit("work", callback={"url": URL, "events": ["job.dead"]})
    flow = await triage.flow("f", a=job_spec("work"), callback={"url": URL, "events": ["flow.failed"]})
    fan_out = await triage.fan_out("work", [{"n": 1}], callback={"url": URL, "events": ["fan_out.failed"]})
    assert job.data["callback"] == {"url": URL, "events": ["job.dead"]}
    assert flow.data["callback"] == {"url": URL, "events": ["flow.failed"]}
    assert fan_out.data["callback"] == {"url": URL, "events": ["fan_out.failed"]}


async def test_every_submission_can_wait_for_a_replica() -> None:
    created = httpx.Response(200, json={"id": "fan_1", "object": "fan_out", "state": "open"})
    items = [httpx.Response(200, json={"next_index": index, "rejected": []}) for index in (1, 2)]
    bulk = httpx.Response(200, json={"results": []})
    script = Script(job(), bulk, job(), created, *items, created)
    triage = script.triage
    await triage.submit("work", durability="replicated")
    await triage.submit_many(["work"], durability="replicated")
    await triage.flow("f", a="work", durability="replicated")
    await triage.fan_out("work", [{"n": 1}, {"n": 2}], chunk=1, durability="replicated")
    sent = {request.url.path: request.headers.get("Durability") for request in script.requests}
    # The requests before have stored all items.
    assert sent.pop("/v1/fan-outs/fan_1/seal") is None
    assert set(sent.values()) == {"replicated"}
    assert len(sent) == 5
    await triage.submit("work")
    assert "Durability" not in script.requests[-1].headers


async def test_a_request_that_makes_a_secret_is_not_repeated_blindly() -> None:
    """The first response may be lost with its secret: the caller decides."""
    script = Script(httpx.ReadError("Connection reset"))
    for call in (
        lambda: script.triage.create_webhook(URL, "*"),
        lambda: script.triage.webhook("wh_1").rotate_secret(),
        lambda: script.triage.create_api_key("x", "jobs:read"),
        lambda: script.triage.api_key("key_1").rotate(),
    ):
        with pytest.raises(triage_client.NoResponse) as caught:
            await call()
        assert caught.value.maybe_applied
    assert len(script.requests) == 4
