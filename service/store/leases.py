"""The operations of workers on jobs. Writing a result requires the current lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from service.domain.job import Lease
from service.domain.outcome import FIRST_REST_MS, FREE_LOSSES, LONGEST_REST_MS, Settlement
from service.domain.record import record
from service.domain.results import FinishResult
from service.domain.worker import SUBSCRIBED, WorkerRecord
from service.store.codec.fields import not_negative, text, texts
from service.store.codec.jobs import decode_lease
from service.store.codec.runs import end_arguments
from service.store.redis import keys
from service.store.redis.connect import ping
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts

#: Due jobs that one claim promotes at most; a million jobs may be due in the same second.
PROMOTED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The jobs that a worker can run now. A retry with the same `request_id` returns the same leases."""

    worker_id: str
    request_id: str
    pool: str
    lease_ms: int
    slots: int
    #: Weight of each queue; "*" stands for every other queue in use.
    queues: Mapping[str, int]
    #: Free slots of each job type that the worker knows; None = only limited by `slots`.
    types: Mapping[str, int | None]
    #: From the worker's last claim: keeps the weights of queues true over claims of one job each.
    credits: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """Times are Redis time. `more`: there are more queued jobs. Pass `credits` to the next claim."""

    leases: list[Lease]
    now_us: int
    #: When the next job is due, or the next limiter opens.
    due_us: int | None
    #: Milliseconds until a waiting job may expire or a cancellation must be forced.
    next_alarm_ms: int | None
    more: bool
    credits: bytes

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    @property
    def due_in_us(self) -> int | None:
        return None if self.due_us is None else max(0, self.due_us - self.now_us)


@record
class Finish:
    """The result of one run, decided and timed by its worker."""

    lease: Lease
    settlement: Settlement
    worker_id: str
    #: The Redis time of the claim, plus the time since by the worker's monotonic clock.
    ended_at: int
    run_ms: int


@dataclass(frozen=True, slots=True)
class Rescue:
    """`next_in_ms`: until the earliest lease expires; None without running jobs."""

    next_in_ms: int | None
    rescued: list[str]
    #: A worker was lost in the last minute, perhaps only just now.
    lost_lately: bool


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A run to stop. `grace_ms` is the rest of its grace period; `message` comes from the requester."""

    job_id: str
    token: str
    grace_ms: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """The reply to a heartbeat: lost leases, runs to cancel, and whether to drain."""

    known: bool
    drain: bool
    now_ms: int
    #: There are tasks of flows and fan-outs, or portions of bulk actions, to run.
    tasks: bool
    #: Job ids with tokens, because the worker may hold a newer lease on the same job.
    lost: list[tuple[str, str]]
    cancel: list[CancelRequest]
    #: Milliseconds until the next schedule fires; None without schedules.
    next_fire_ms: int | None = None
    #: Milliseconds until the next job can be pruned.
    next_prune_ms: int | None = None
    #: Milliseconds until the next delivery of a webhook is due.
    next_delivery_ms: int | None = None
    #: Milliseconds until the next lease expires, unless its worker renews it.
    next_loss_ms: int | None = None
    #: Milliseconds until a job may expire or a cancellation must be forced.
    next_end_ms: int | None = None
    #: A wake-up of the worker's pool waits to be taken.
    wake_up: bool = False
    #: The next heartbeat may come late: nothing happens, and a message will say when something does.
    may_rest: bool = False


def heartbeat_arguments(
    record: WorkerRecord,
    lease_ms: int,
    running: int,
    state: str,
    held: Sequence[tuple[str, str]],
    away_ms: int = 0,
) -> list[Argument]:
    """Arguments of heartbeat.lua: `held` are job ids and tokens; `away_ms` as for `rescue`."""
    arguments: list[Argument] = [record.id, lease_ms, running, state, away_ms, record.pool]
    for id, token in held:
        arguments += [id, token]
    return arguments


def decode_heartbeat(reply: Sequence[Any]) -> HeartbeatReply:
    known, drain, now, tasks, wake_up, *rest = reply
    times, may_rest, rest = [not_negative(time) for time in rest[:6]], rest[6], rest[7:]
    next_fire, next_prune, next_delivery, next_loss, *ends = times
    rows = [
        (*texts((id, token, word)), grace_ms, text(message))
        for id, token, word, grace_ms, message in zip(*(rest[at::5] for at in range(5)), strict=True)
    ]
    return HeartbeatReply(
        known=bool(known),
        drain=bool(drain),
        now_ms=now,
        tasks=bool(tasks),
        lost=[(id, token) for id, token, word, _, _ in rows if word == "lost"],
        cancel=[
            CancelRequest(id, token, grace_ms, message)
            for id, token, word, grace_ms, message in rows
            if word == "cancel"
        ],
        next_fire_ms=next_fire,
        next_prune_ms=next_prune,
        next_delivery_ms=next_delivery,
        next_loss_ms=next_loss,
        next_end_ms=min((at for at in ends if at is not None), default=None),
        wake_up=bool(wake_up),
        may_rest=bool(may_rest),
    )


class Leases:
    """Leases of one namespace. All times are Redis time; `now` replaces it in tests."""

    def __init__(self, scripts: Scripts, dead_retention_ms: int) -> None:
        self._scripts = scripts
        self._dead_retention_ms = dead_retention_ms

    async def claim(self, request: ClaimRequest, now: str = "") -> Claim:
        """Queue due jobs, then lease queued ones, most urgent first."""
        arguments: list[Argument] = [
            request.worker_id,
            request.request_id,
            request.lease_ms,
            request.slots,
            PROMOTED_AT_MOST,
            self._dead_retention_ms,
            request.pool,
            request.credits,
            len(request.queues),
        ]
        for queue, weight in request.queues.items():
            arguments += [queue, weight]
        for name, free in request.types.items():
            arguments += [name, "" if free is None else free]
        at, due, alarm, more, credits, rows = await self._scripts.run("claim", arguments, now)
        return Claim(
            leases=[decode_lease(row, request.worker_id) for row in rows],
            now_us=at,
            due_us=not_negative(due),
            next_alarm_ms=not_negative(alarm),
            more=bool(more),
            credits=credits,
        )

    async def finish(self, finishes: Sequence[Finish], now: str = "") -> list[FinishResult]:
        """Store the results of runs, each fenced by its token; in several calls if they take long."""
        results: list[FinishResult] = []
        while len(results) < len(finishes):
            arguments = self.finish_arguments(finishes[len(results) :])
            reply = await self._scripts.run("finish", arguments, now)
            results += [FinishResult(word) for word in texts(reply)]
        return results

    def finish_arguments(self, finishes: Sequence[Finish]) -> list[Argument]:
        """Arguments of finish.lua, for the watchdog thread with its own connection."""
        arguments: list[Argument] = [self._dead_retention_ms]
        for finish in finishes:
            arguments += end_arguments(
                finish.lease, finish.settlement, finish.worker_id, finish.ended_at, finish.run_ms
            )
        return arguments

    async def rescue(self, lease_ms: int, at_most: int = 100, away_ms: int = 0, now: str = "") -> Rescue:
        """Return jobs with expired leases to their queues; after an outage, first give them a fresh lease.

        `away_ms`: how long this process could not reach Redis before this call.
        """
        arguments: list[Argument] = [
            lease_ms, away_ms, at_most, FREE_LOSSES, FIRST_REST_MS, LONGEST_REST_MS
        ]  # fmt: skip
        next_in, rescued, lost_lately = await self._scripts.run("rescue", arguments, now)
        return Rescue(not_negative(next_in), texts(rescued), bool(int(lost_lately)))

    async def expire_jobs(
        self, at_most: int = 200, again_ms: int = 5_000, now: str = ""
    ) -> tuple[int, int | None]:
        """Bury expired jobs and force overdue cancellations: how many, and ms until the next, 0 = now."""
        arguments: list[Argument] = [at_most, self._dead_retention_ms, again_ms]
        ended, next_in = await self._scripts.run("expire_jobs", arguments, now)
        return ended, not_negative(next_in)

    async def bury_unroutable(
        self, after_ms: int, void_after_ms: int, at_most: int = 200, now: str = ""
    ) -> int:
        """Bury queued jobs whose type no worker has known for `after_ms`; returns how many.

        After more than `void_after_ms` without a call, that time starts from zero.
        """
        arguments: list[Argument] = [after_ms, void_after_ms, at_most, self._dead_retention_ms]
        return int(await self._scripts.run("bury_unroutable", arguments, now))

    async def prune(self, at_most: int = 200, now: str = "") -> tuple[int, int | None]:
        """Delete finished jobs past their retention: how many, and ms until the next, 0 = now."""
        pruned, next_in = await self._scripts.run("prune", [at_most, ""], now)
        return pruned, not_negative(next_in)

    async def wait_for_work(self, pool: str, seconds: float) -> bool:
        """Block until there is a wake-up for the pool; False after `seconds`, which the client must allow."""
        client: Any = self._scripts.redis
        try:
            return await client.bzpopmin(self._wake_key(pool), seconds) is not None
        except (TimeoutError, RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    async def ping(self) -> None:
        """Raises BackendUnavailable when the server of this namespace does not respond."""
        await ping(self._scripts.redis)

    async def take_wake_up(self, pool: str) -> bool:
        """Take the pool's wake-up, which all subscribed workers have heard of; False: another one has it."""
        client: Any = self._scripts.redis
        try:
            return bool(await client.zpopmin(self._wake_key(pool)))
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    async def wake(self, pool: str) -> None:
        """Wake one idle worker of a pool, because a worker that stops may have consumed a wake-up."""
        client: Any = self._scripts.redis
        key = self._wake_key(pool)
        try:
            await client.zadd(key, {"1": 0})
            if pool.startswith(SUBSCRIBED):
                await client.publish(key, "1")
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    def channels(self, worker_id: str, pool: str) -> tuple[str, str, str]:
        """The channels of a subscribed worker: of wake-ups, of messages to itself, and of activity."""
        prefix = self._scripts.prefix
        return self._wake_key(pool), keys.inbox(prefix, worker=worker_id), prefix + keys.ACTIVITY

    def _wake_key(self, pool: str) -> str:
        return keys.wake(self._scripts.prefix, pool=pool)

    async def report_progress(self, lease: Lease, value: bytes) -> bool:
        """Store a run's progress; False when the lease is lost."""
        return bool(await self._scripts.run("record_progress", [lease.job.id, lease.token, value, ""]))

    async def append_log(self, lease: Lease, line: bytes) -> bool:
        """Store a log line of the handler; False when the lease is lost."""
        return bool(await self._scripts.run("record_progress", [lease.job.id, lease.token, "", line]))
