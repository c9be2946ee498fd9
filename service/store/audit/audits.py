"""Audits of one namespace: whose turn it is, requests for one, and the report of the last one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from service.domain.audit import AuditState, Report, TurnLost
from service.store.audit.cycle import Cycle, Terms
from service.store.codec.audits.reports import STATE, decode_state, encode_report
from service.store.queries import Queries
from service.store.redis.key_groups import audit_keys
from service.store.redis.scripts import Scripts

#: How long a turn lasts after it was kept last; a process keeps it several times in this time.
TURN_MS = 30_000
KEEP_SECONDS = 5.0
#: How long a request waits for a worker.
REQUEST_MS = 600_000
#: The share of its time in which an audit makes calls, and its longest pause between two, in seconds.
SHARE, LONGEST_PAUSE = 0.1, 0.5


async def no_pause(seconds: float) -> None:
    """For an audit whose report an operator waits for."""
    await asyncio.sleep(0)


async def background_pause(seconds: float) -> None:
    """After a call that took so long."""
    await asyncio.sleep(min(LONGEST_PAUSE, seconds * (1 / SHARE - 1)))


class Audits:
    def __init__(self, scripts: Scripts, queries: Queries, dead_retention_ms: int) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._dead_retention_ms = dead_retention_ms

    async def state(self) -> AuditState:
        def ask(pipe: Any) -> None:
            pipe.hmget(audit_keys.audit(self._prefix), STATE)
            pipe.get(audit_keys.requested(self._prefix))

        found, requested_at = await self._queries.pipeline(ask)
        return decode_state(found, requested_at, await self._queries.now())

    async def request(self) -> int:
        """Ask for a cycle, which a worker begins at once; returns the time, unix ms."""
        now, _ = await self._scripts.run("request_audit", [REQUEST_MS])
        return int(now)

    async def claim(self, holder: str, interval_ms: int, *, now: bool = False) -> float | None:
        """None if the holder has the turn, else the seconds until it makes sense to ask again."""
        arguments = [holder, TURN_MS, interval_ms, "now" if now else "due"]
        mine, wait_ms = await self._scripts.run("claim_audit", arguments)
        return None if mine else wait_ms / 1000

    async def run(
        self, holder: str, terms: Terms, pause: Callable[[float], Awaitable[None]] = background_pause
    ) -> Report:
        """A whole cycle for the holder of the turn. Raises TurnLost and BackendUnavailable."""
        turn = _Turn(self._scripts, holder, pause)
        terms = replace(terms, dead_retention_ms=self._dead_retention_ms)
        cycle = Cycle(self._scripts, holder, terms, turn.pause)
        started_at = await self._queries.now()
        try:
            await cycle.run()
        except BaseException:
            await self._end(holder, None)
            raise
        report = Report(
            started_at,
            await self._queries.now(),
            cycle.jobs,
            cycle.entries,
            cycle.walk.all_keys,
            cycle.counted,
            dict(cycle.findings.counts),
            cycle.findings.described,
        )
        await self._end(holder, report)
        return report

    async def _end(self, holder: str, report: Report | None) -> None:
        """End the turn; without a report, the next process begins a new cycle at once."""
        text, counted = (b"", False) if report is None else (encode_report(report), report.counters)
        await self._scripts.run("end_audit", [holder, text, int(counted)])


class _Turn:
    """Pauses between the calls of a cycle, and keeps the turn."""

    def __init__(self, scripts: Scripts, holder: str, pause: Callable[[float], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._holder = holder
        self._pause = pause
        self._kept_at = self._left_at = time.monotonic()

    async def pause(self) -> None:
        now = time.monotonic()
        await self._pause(now - self._left_at)
        if now - self._kept_at > KEEP_SECONDS:
            mine, _ = await self._scripts.run("claim_audit", [self._holder, TURN_MS, 0, "keep"])
            if not mine:
                raise TurnLost()
            self._kept_at = now
        self._left_at = time.monotonic()
