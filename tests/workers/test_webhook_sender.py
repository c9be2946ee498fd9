"""A worker delivers events: signed, through the outbound guard, repeated as the receiver's response says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from prometheus_client.exposition import generate_latest
from standardwebhooks.webhooks import Webhook as Verifier

from service.clock import Clock
from service.domain.callback import Callback
from service.domain.errors import BackendUnavailable
from service.domain.webhook import CALLBACKS, Delivery, Secret, Webhook, new_secret
from service.store.namespace import Namespace
from service.store.webhooks.outbox import Outbox
from service.tasks import end
from tests.store.webhooks import SECRET, succeed
from tests.support.eventually import eventually
from tests.support.exposition import series, value
from tests.support.factories import IDS, OK, claim, finish, submit
from tests.support.receiver import Receiver, receiving, status
from workers.http.event_request import EventRequests
from workers.maintenance.periodic import repeat
from workers.maintenance.webhooks.sender import PER_TARGET, WebhookSender
from workers.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio

LOCAL = "127.0.0.0/8"


class Senders:
    """Starts senders of a namespace, and ends them with the test."""

    def __init__(self, store: Namespace) -> None:
        self.store = store
        self.metrics = Metrics()
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, allow: str = LOCAL, seconds: float = 15, outbox: Outbox | None = None) -> WebhookSender:
        sender = WebhookSender(
            "wk_1",
            outbox or self.store.outbox,
            EventRequests(allow, Clock(), seconds, self.store.scripts.namespace),
            Clock(),
            self.metrics.webhooks,
            lambda: 0.5,
        )
        self.tasks.append(asyncio.create_task(repeat("deliver_webhooks", sender.work)))
        return sender

    async def attempted(self, **expected: int) -> None:
        """Wait for the counts of outcomes: an attempt is counted after Redis has recorded its outcome."""

        def counted() -> None:
            page = series(generate_latest(self.metrics.registry).decode())
            counts = {
                outcome: value(page, "triage_webhook_attempts_total", outcome=outcome) for outcome in expected
            }
            assert counts == expected

        await eventually(counted)


@pytest.fixture
async def senders(store: Namespace) -> AsyncIterator[Senders]:
    senders = Senders(store)
    yield senders
    await end(senders.tasks)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(SECRET.text) as receiver:
        yield receiver


async def endpoint(store: Namespace, url: str, *events: str) -> Webhook:
    return await store.webhooks.create(IDS.new("wh"), url, events or ("job.*",), "", SECRET)


async def ended(store: Namespace, id: str, count: int = 1) -> list[Delivery]:
    async def all_of_them() -> list[Delivery]:
        page = await store.outbox.list(id, None, 200, None)
        assert len([row for row in page.items if row.status != "pending"]) == count
        return page.items

    return await eventually(all_of_them)


async def test_an_event_is_delivered_with_a_valid_signature(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    hook = await endpoint(store, receiver.url)
    id = await succeed(store)
    senders.start()
    (delivery,) = await ended(store, hook.id)
    (received,) = receiver.received
    assert (received.path, received.type, received.resource) == ("/events", "job.succeeded", id)
    assert received.id == store.outbox.id_of(delivery)
    assert received.headers["content-type"] == "application/json"
    assert (delivery.status, delivery.attempts) == ("delivered", 1)
    assert delivery.last is not None
    assert (delivery.last.status, delivery.last.error) == (204, None)
    await senders.attempted(delivered=1)


async def test_both_secrets_sign_during_a_rotation(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    hook = await endpoint(store, receiver.url)
    fresh, now = Secret(new_secret(lambda size: b"n" * size)), await store.queries.now()
    over = Secret(new_secret(lambda size: b"o" * size), now - 1)
    secrets = (fresh, Secret(SECRET.text, now + 60_000), over)
    await store.webhooks.change(hook, secrets=secrets)
    await succeed(store)
    senders.start()
    await ended(store, hook.id)
    (received,) = receiver.received
    signatures = received.headers["webhook-signature"].split(" ")
    assert len(signatures) == 2
    body = orjson.dumps(received.body)
    assert Verifier(fresh.text).verify(body, received.headers) == received.body
    assert Verifier(SECRET.text).verify(body, received.headers) == received.body
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(over.text).verify(body, received.headers)


async def test_a_failed_attempt_is_repeated_with_the_same_id(
    store: Namespace, senders: Senders, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.domain.webhook.RETRY_SECONDS", (0.05,) * 3)
    hook = await endpoint(store, receiver.url)
    codes = iter([500, 302, 204])
    receiver.respond = lambda _: status(next(codes), location="http://127.0.0.1:1/")
    await succeed(store)
    senders.start()
    (delivery,) = await ended(store, hook.id)
    assert (delivery.status, delivery.attempts) == ("delivered", 3)
    assert len({received.id for received in receiver.received}) == 1
    await senders.attempted(retried=2, delivered=1)


async def test_a_delivery_without_attempts_left_fails_and_the_next_one_follows(
    store: Namespace, senders: Senders, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.domain.webhook.RETRY_SECONDS", (0.05,))
    hook = await endpoint(store, receiver.url, "job.cancelled", "job.succeeded")
    receiver.respond = lambda received: status(500 if received.type == "job.cancelled" else 204)
    id = await submit(store)
    await store.jobs.cancel([id], 0)
    await store.jobs.redrive([id])
    await finish(store, (await claim(store)).leases[0], OK)
    senders.start()
    newest, oldest = await ended(store, hook.id, 2)
    assert (oldest.status, oldest.failure_reason, oldest.attempts) == ("failed", "exhausted", 2)
    assert (newest.event, newest.status) == ("job.succeeded", "delivered")
    assert [received.type for received in receiver.received] == ["job.cancelled"] * 2 + ["job.succeeded"]


async def test_retry_after_and_gone_are_honoured(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    busy, gone = await endpoint(store, f"{receiver.url}/busy"), await endpoint(store, f"{receiver.url}/gone")
    receiver.respond = lambda found: (
        status(503, retry_after="3600") if found.path.endswith("busy") else status(410)
    )
    await succeed(store)
    senders.start()
    (delivery,) = await ended(store, gone.id)
    assert (delivery.status, delivery.failure_reason) == ("failed", "gone")
    found = await store.webhooks.get(gone.id)
    assert found is not None
    assert found.disabled_reason == "gone"

    async def postponed() -> None:
        (row,) = (await store.outbox.list(busy.id, "pending", 1, None)).items
        assert row.last is not None
        assert row.next_attempt_at is not None
        assert 3_590_000 < row.next_attempt_at - row.last.at < 3_610_000

    await eventually(postponed)


async def test_an_address_that_is_not_public_is_refused(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    hook = await endpoint(store, receiver.url)
    await succeed(store)
    senders.start(allow="")
    (delivery,) = await ended(store, hook.id)
    assert receiver.received == []
    assert (delivery.status, delivery.failure_reason) == ("failed", "refused")
    assert delivery.last is not None
    assert delivery.last.error == "127.0.0.1 resolves to 127.0.0.1, which is not a public address."


async def test_an_endpoint_that_hangs_delays_no_other(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    hangs, quick = await endpoint(store, f"{receiver.url}/hangs"), await endpoint(store, receiver.url)
    receiver.respond = lambda found: None if found.path.endswith("hangs") else status(204)
    for _ in range(40):
        await succeed(store)
    senders.start()
    await ended(store, quick.id, 40)
    page = await store.outbox.list(hangs.id, None, 200, None)
    assert all(row.status == "pending" and row.last is None for row in page.items)
    assert len([received for received in receiver.received if received.path.endswith("hangs")]) <= PER_TARGET


async def test_an_attempt_ends_after_its_time_and_is_repeated_later(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    hook = await endpoint(store, receiver.url)
    receiver.respond = lambda _: None
    await succeed(store)
    senders.start(seconds=0.2)

    async def timed_out() -> None:
        (row,) = (await store.outbox.list(hook.id, "pending", 200, None)).items
        assert row.last is not None
        assert row.last.error == "no response within 0.2 seconds"

    await eventually(timed_out)


async def test_a_callback_is_signed_with_the_secret_of_callbacks(
    store: Namespace, senders: Senders, receiver: Receiver
) -> None:
    id = await succeed(store, callback=Callback(f"{receiver.url}/mine?token=t-1", ("succeeded",)))
    await store.webhooks.put_callbacks(None, [SECRET])
    senders.start()
    await ended(store, CALLBACKS)
    assert (receiver.received[-1].path, receiver.received[-1].resource) == ("/events/mine?token=t-1", id)


async def test_a_result_that_redis_did_not_take_is_sent_again(
    store: Namespace, senders: Senders, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.maintenance.webhooks.sender.AGAIN", 0.01)
    hook, failures = await endpoint(store, receiver.url), iter([True, True])

    class Flaky(Outbox):
        async def end(self, *args: Any, **kwargs: Any) -> str:
            if next(failures, False):
                raise BackendUnavailable()
            return await super().end(*args, **kwargs)

    await succeed(store)
    senders.start(outbox=Flaky(store.scripts, store.queries))
    await ended(store, hook.id)
    assert len(receiver.received) == 1
