"""The outbox of webhooks: scripts write deliveries into it, workers lease and end them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.errors import CursorInvalid, InvalidState, NotFound
from service.domain.webhook import (
    CALLBACKS,
    DISABLE_MS,
    Attempt,
    Delivery,
    DeliveryStatus,
    FailureReason,
    OutboxFull,
    Secret,
    Webhook,
    delivery_id,
    delivery_number,
    is_delivery,
)
from service.store.codec.fields import not_negative, number, text, texts
from service.store.codec.webhooks.deliveries import decode_delivery, encode_attempted
from service.store.codec.webhooks.endpoints import decode_secrets, encode_secrets
from service.store.cursors import decode_cursor, encode_cursor
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.key_groups import webhook_keys
from service.store.redis.scripts import Argument, Scripts

#: Targets that one claim looks at, and deliveries that it ends per disabled endpoint.
TARGETS, ENDED_AT_ONCE = 100, 100
#: Ended deliveries that are kept per endpoint, as in lib/delivery_lanes.lua.
ENDED_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that this worker may attempt once."""

    delivery: Delivery
    url: str
    secrets: tuple[Secret, ...]
    #: When the lease ends, in Redis time; it identifies the lease.
    until: int


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """`next_in_ms`: until this worker may attempt another one; None if it need not look."""

    now: int
    next_in_ms: int | None
    leased: list[Leased]


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """`oldest_ms`: the age of the oldest pending delivery."""

    pending: int
    dropped: int
    oldest_ms: int


class Outbox:
    """Deliveries of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries

    def id_of(self, delivery: Delivery) -> str:
        return delivery_id(self._scripts.namespace, delivery.number, delivery.at)

    async def claim(
        self,
        worker_id: str,
        lease_ms: int,
        slots: int,
        per_target: int,
        busy: Mapping[str, int],
        now: str = "",
    ) -> DeliveryClaim:
        """Lease due deliveries; `busy` are this worker's attempts by target."""
        arguments: list[Argument] = [lease_ms, slots, per_target, TARGETS, ENDED_AT_ONCE, worker_id]
        for target, count in busy.items():
            arguments += [target, count]
        at, next_in, *rows = await self._scripts.run("claim_deliveries", arguments, now)
        leased: list[Leased] = []
        for _, until, record, url, secrets in zip(*(rows[start::5] for start in range(5)), strict=True):
            delivery = decode_delivery(record)
            found = decode_secrets(secrets)
            leased.append(Leased(delivery, delivery.url or text(url) or "", found, int(until)))
        return DeliveryClaim(int(at), not_negative(int(next_in)), leased)

    async def end(
        self,
        leased: Leased,
        attempt: Attempt,
        *,
        retry_ms: int | None,
        failure_reason: FailureReason | None = None,
        now: str = "",
    ) -> str:
        """Record an attempt: delivered, or with `retry_ms` repeated later, or failed for `failure_reason`.

        Returns moved, disabled (the endpoint, now) or stale (the lease was lost).
        """
        delivery = leased.delivery
        outcome = "retry" if retry_ms is not None else "failed" if failure_reason else "delivered"
        arguments: list[Argument] = [
            delivery.target,
            delivery.resource,
            delivery.number,
            leased.until,
            outcome,
            retry_ms or 0,
            encode_attempted(delivery, attempt, failure_reason),
            "gone" if failure_reason == "gone" else "",
            DISABLE_MS,
        ]
        return text(await self._scripts.run("end_delivery", arguments, now)) or ""

    async def secrets_of_callbacks(self, fresh: Secret) -> tuple[Secret, ...]:
        """The secrets that sign callbacks; `fresh` becomes the first one if there is none."""
        key = webhook_keys.webhook(self._prefix, endpoint=CALLBACKS)
        await self._scripts.run("put_webhook", [CALLBACKS, 0, 0, "", "secrets", encode_secrets([fresh])])
        return decode_secrets((await self._queries.pipeline(lambda pipe: pipe.hget(key, "secrets")))[0])

    async def send_test(self, webhook: Webhook, call_id: str) -> Delivery:
        """Add a test event; repeated with the same `call_id`, it adds nothing.

        Raises NotFound, InvalidState for a disabled endpoint, and OutboxFull.
        """
        word, added = await self._scripts.run("test_webhook", [webhook.id, call_id])
        match text(word):
            case "missing":
                raise NotFound()
            case "disabled":
                raise _disabled()
            case "full":
                raise OutboxFull()
            case _:
                return await self._read(webhook.id, int(added))

    async def get(self, webhook_id: str, id: str) -> Delivery:
        """Raises NotFound."""
        number = delivery_number(self._scripts.namespace, id)
        if number is None:
            raise NotFound()
        delivery = await self._read(webhook_id, number)
        if not is_delivery(self._scripts.namespace, id, delivery):
            raise NotFound()
        return delivery

    async def resend(self, webhook_id: str, id: str) -> Delivery:
        """Send an ended delivery again, or a pending one now. Raises NotFound and InvalidState."""
        delivery = await self.get(webhook_id, id)
        word = text(await self._scripts.run("resend_delivery", [webhook_id, delivery.number]))
        if word == "disabled":
            raise _disabled()
        return await self.get(webhook_id, id)

    async def list(
        self, webhook_id: str, status: DeliveryStatus | None, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        """Newest first; ended deliveries are the last ones."""
        try:
            end = f"({int(decode_cursor(cursor, 1)[0])}" if cursor else "+inf"
        except ValueError:
            raise CursorInvalid() from None

        def ask(pipe: Any) -> None:
            if status in (None, "pending"):
                key = webhook_keys.webhook_pending(self._prefix, endpoint=webhook_id)
                pipe.zrevrangebyscore(key, end, "-inf", start=0, num=limit + 1)
            if status != "pending":
                # A status is rare among the ended ones, of which there are few.
                most = limit + 1 if status is None else ENDED_KEPT
                key = webhook_keys.webhook_ended(self._prefix, endpoint=webhook_id)
                pipe.zrevrangebyscore(key, end, "-inf", start=0, num=most)

        rows = [decode_delivery(row) for found in await self._queries.pipeline(ask) for row in found]
        chosen = sorted(
            (row for row in rows if status in (None, row.status)), key=lambda row: row.number, reverse=True
        )
        items = chosen[:limit]
        return Page(items, encode_cursor(items[-1].number) if len(chosen) > limit else None)

    async def counts(self) -> OutboxCounts:
        """For metrics."""

        def ask(pipe: Any) -> None:
            pipe.hmget(keys.counters(self._prefix), "deliveries_pending", "deliveries_dropped")
            pipe.zrange(webhook_keys.webhooks(self._prefix), 0, -1)
            pipe.time()

        (pending, dropped), ids, (seconds, micros) = await self._queries.pipeline(ask)
        now = int(self._scripts.now or seconds * 1000 + micros // 1000)
        oldest = await self._queries.pipeline(
            lambda pipe: [
                pipe.zrange(webhook_keys.webhook_pending(self._prefix, endpoint=id), 0, 0)
                for id in [*texts(ids), CALLBACKS]
            ]
        )
        since = min((decode_delivery(found[0]).at for found in oldest if found), default=now)
        return OutboxCounts(number(pending) or 0, number(dropped) or 0, max(0, now - since))

    async def _read(self, webhook_id: str, number: int) -> Delivery:
        def ask(pipe: Any) -> None:
            for key in (webhook_keys.webhook_pending, webhook_keys.webhook_ended):
                pipe.zrangebyscore(key(self._prefix, endpoint=webhook_id), number, number)

        rows = [row for found in await self._queries.pipeline(ask) for row in found]
        if not rows:
            raise NotFound()
        return decode_delivery(rows[0])


def _disabled() -> InvalidState:
    return InvalidState("The webhook is disabled. Enable it first.", current_state="disabled")
