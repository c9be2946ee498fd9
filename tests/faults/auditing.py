"""Audits a site again and again during faults: without damage, they find nothing."""

import asyncio
from contextlib import suppress

from service.domain.audit import Finding, TurnLost
from service.domain.errors import TriageError
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.audit.shop import IDS


class Auditing:
    """`completed` counts audits that no fault has interrupted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = asyncio.Event()
        self.completed = 0
        self.findings: list[Finding] = []

    async def run(self) -> None:
        redis = connect(self._url)
        try:
            store = Namespace(redis, "default", 0)
            while not self._stopped.is_set():
                with suppress(TriageError, TurnLost):
                    await self._audit(store)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), 0.3)
        finally:
            await redis.aclose()

    def stop(self) -> None:
        self._stopped.set()

    async def _audit(self, store: Namespace) -> None:
        holder = IDS.new("au")
        if await store.audits.claim(holder, 0, now=True) is None:
            report = await store.audits.run(holder, Terms(repair=False))
            self.completed += 1
            self.findings += report.findings
