"""Audits the namespace from time to time, and when an operator asks: one worker at a time (docs/adr/0050)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from service.domain.audit import Report, TurnLost
from service.store.audit.audits import Audits, background_pause
from service.store.audit.cycle import Terms
from workers.telemetry.audit_metrics import AuditMetrics

#: The longest interval between checks whether an audit is due, in seconds; a heartbeat reports a request.
PAUSE = 60.0

log = structlog.get_logger("triage.audit")


class Auditor:
    """`interval_seconds`: between the beginnings of two audits; 0 = only when an operator asks."""

    def __init__(
        self,
        audits: Audits,
        interval_seconds: float,
        terms: Terms,
        new_id: Callable[[str], str],
        metrics: AuditMetrics,
        pause: Callable[[float], Awaitable[None]] = background_pause,
        longest_wait: float = PAUSE,
        auditing: asyncio.Lock | None = None,
    ) -> None:
        """`auditing`: held during an audit, of which a worker makes one at a time, whatever it serves."""
        self._audits = audits
        self._interval_ms = round(interval_seconds * 1000)
        self._terms = terms
        self._new_id = new_id
        self._metrics = metrics
        self._pause = pause
        self._longest_wait = longest_wait
        self._auditing = auditing or asyncio.Lock()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Check for a request now."""
        self._woken.set()

    async def audit(self) -> float:
        self._woken.clear()
        async with self._auditing:
            wait = await self._claim_and_run()
        if wait is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), min(wait, self._longest_wait))
        return 0.0

    async def _claim_and_run(self) -> float | None:
        """None after an audit, else the seconds until it makes sense to ask again."""
        # A new holder for each cycle: a process that has lost its turn cannot write.
        holder = self._new_id("au")
        if (wait := await self._audits.claim(holder, self._interval_ms)) is not None:
            return wait
        try:
            report = await self._audits.run(holder, self._terms, self._pause)
        except TurnLost:
            return PAUSE
        self._metrics.completed(report)
        _log(report)
        return None


def _log(report: Report) -> None:
    """Say what was found: ids and names of keys, but no values."""
    if not report.counts:
        return
    write = log.error if report.unrepaired else log.warning
    write(
        "audit_found",
        repaired=report.repaired,
        unrepaired=report.unrepaired,
        kinds=sorted({kind for kind, _ in report.counts}),
    )
