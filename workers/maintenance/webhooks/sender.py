"""Delivers the events of webhooks. Workers share the work; leases in Redis keep each resource's order."""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import orjson
import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.times import rfc3339
from service.domain.webhook import (
    Attempt,
    FailureReason,
    Secret,
    event_body,
    new_secret,
    next_delay,
)
from service.store.webhooks.outbox import Leased, Outbox
from service.tasks import end
from workers.http.event_request import Reply
from workers.maintenance.alarm import Alarm
from workers.telemetry.webhook_metrics import WebhookMetrics

#: Attempts at a time on this worker: in all, and to one endpoint or host.
CONCURRENCY, PER_TARGET = 32, 8
#: How long after an attempt its result may be recorded, in seconds.
RECORD_SECONDS = 1.0
#: The interval between checks when nothing is due, in seconds; heartbeats report what is.
PAUSE = 10.0
#: The pause before the result of an attempt is sent to Redis again, in seconds.
AGAIN = 0.5

log = structlog.get_logger("triage.webhooks")


class Requests(Protocol):
    #: The longest time that `send` takes.
    seconds: float

    async def send(self, url: str, id: str, secrets: tuple[str, ...], body: bytes) -> Reply: ...


class WebhookSender:
    """Claims due deliveries and attempts each once; Redis decides what is due, and who may attempt it."""

    def __init__(
        self,
        worker_id: str,
        outbox: Outbox,
        requests: Requests,
        clock: Clock,
        metrics: WebhookMetrics,
        random: Callable[[], float],
        pause: float = PAUSE,
    ) -> None:
        self._worker_id = worker_id
        self._outbox = outbox
        self._requests = requests
        #: An attempt may begin in the first part of its lease, which is as long as the attempt.
        self._lease_seconds = 2 * requests.seconds + RECORD_SECONDS
        self._clock = clock
        self._metrics = metrics
        self._random = random
        self._pause = pause
        self._alarm = Alarm()
        self._attempts: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self.schedule_check = self._alarm.schedule_check

    async def work(self) -> float:
        """Begin attempts while there are slots, then wait until more may be due."""
        try:
            await self._alarm.wait(await self._claim())
        except asyncio.CancelledError:
            # The worker ends. Another one repeats these attempts once their leases have expired.
            await end(list(self._attempts))
            raise
        return 0.0

    async def _claim(self) -> float:
        """Begin what is due; returns the seconds until more is."""
        free = CONCURRENCY - len(self._attempts)
        if not free:
            return self._pause  # An attempt that ends ends the pause.
        at = self._clock.monotonic()
        lease_ms = round(self._lease_seconds * 1000)
        claim = await self._outbox.claim(self._worker_id, lease_ms, free, PER_TARGET, self._busy)
        for leased in claim.leased:
            self._begin(leased, at, claim.now)
        if claim.next_in_ms is None:
            return self._pause
        return min(self._pause, claim.next_in_ms / 1000)

    def _begin(self, leased: Leased, at: float, now: int) -> None:
        target = leased.delivery.target
        self._busy[target] += 1
        task = asyncio.create_task(self._attempt(leased, at, now))
        self._attempts.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._attempts.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                # Its lease expires, and the delivery is attempted again.
                log.error("webhook_attempt_failed", type=type(error).__name__)
            self._busy[target] -= 1
            if not self._busy[target]:
                del self._busy[target]
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                self._alarm.schedule_check(0)

        task.add_done_callback(ended)

    async def _attempt(self, leased: Leased, at: float, now: int) -> None:
        signing = [secret.text for secret in leased.secrets if secret.until is None or secret.until > now]
        if not signing:
            fresh = Secret(new_secret(secrets.token_bytes))
            with contextlib.suppress(TriageError):
                signing = [secret.text for secret in await self._outbox.secrets_of_callbacks(fresh)]
        began = self._clock.monotonic()
        if not signing or began - at > self._requests.seconds:
            return  # The attempt could outlast the lease, so leave it to the next holder.
        body = orjson.dumps(event_body(leased.delivery, rfc3339))
        id = self._outbox.id_of(leased.delivery)
        reply = await self._requests.send(leased.url, id, tuple(signing), body)
        took = self._clock.monotonic() - began
        attempt = Attempt(
            at=now + round((began - at) * 1000),
            duration_ms=round(took * 1000),
            status=reply.status,
            error=reply.error,
        )
        await self._record(leased, attempt, reply, at)

    async def _record(self, leased: Leased, attempt: Attempt, reply: Reply, at: float) -> None:
        delivery = leased.delivery
        reason: FailureReason | None = None
        delay = None
        if not reply.accepted:
            delay = next_delay(delivery.step, reply.retry_after, self._random)
            reason = "gone" if reply.status == 410 else "refused" if reply.refused else None
            if reason is not None:
                delay = None
            elif delay is None:
                reason = "exhausted"
        retry_ms = None if delay is None else round(delay * 1000)
        while self._clock.monotonic() - at < self._lease_seconds:
            try:
                word = await self._outbox.end(leased, attempt, retry_ms=retry_ms, failure_reason=reason)
            except TriageError:
                await asyncio.sleep(AGAIN)
                continue
            break
        else:
            return
        self._metrics.attempted("delivered" if reply.accepted else "retried" if delay else "failed")
        if word == "disabled":
            log.warning("webhook_disabled", webhook=delivery.webhook_id, gone=reason == "gone")
