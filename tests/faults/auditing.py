"""Audits a site again and again during faults: without damage, they find nothing."""

import asyncio
from contextlib import suppress

from service.domain.audit import Finding, TurnLost
from service.domain.errors import TriageError
from service.store.audit.audits import no_pause
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.audit.shop import IDS
from tests.support.eventually import eventually


class Auditing:
    """`completed` counts audits that no fault has interrupted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.completed = 0
        self.findings: list[Finding] = []

    async def run(self) -> None:
        """Until it is cancelled."""
        redis = connect(self._url)
        try:
            while True:
                with suppress(TriageError, TurnLost):
                    await self._audit(Namespace(redis, "default", 0))
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.3)
        finally:
            await redis.aclose()

    async def finish(self, deadline_seconds: float) -> None:
        """Audit once more, after the faults; a worker that has begun an audit takes its time."""
        redis = connect(self._url)
        before = self.completed

        async def once() -> None:
            with suppress(TriageError, TurnLost):
                await self._audit(Namespace(redis, "default", 0))
            assert self.completed > before

        try:
            await eventually(once, deadline_seconds, 0.5)
        finally:
            await redis.aclose()

    async def _audit(self, store: Namespace) -> None:
        holder = IDS.new("au")
        if await store.audits.claim(holder, 0, now=True) is None:
            report = await store.audits.run(holder, Terms(repair=False), no_pause)
            self.completed += 1
            self.findings += report.findings
