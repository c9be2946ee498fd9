"""Writes the finishes of runs to Redis in batches, and retries until Redis has replied."""

import asyncio
from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.domain.results import FinishResult
from service.store.leases import Finish, Leases

#: The most finishes per script call, and the most bytes of their results unless a single one is larger: a
#: call with hundreds of large results would exceed the reply timeout at every retry.
BATCH, BATCH_BYTES = 500, 1_048_576
#: The first and the longest pause between attempts while Redis is unavailable, in seconds; each doubles.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0

log = structlog.get_logger("triage.completer")


class Completer:
    """Keeps each finish, and so the lease of its run, until Redis has replied.

    A finish is safe to repeat, so this retries until there is a reply: "moved" and "duplicate" mean that
    the finish counts, "stale" and "missing" that the run had lost its lease.
    """

    def __init__(self, leases: Leases, on_reply: Callable[[Finish, FinishResult], None]) -> None:
        self._leases = leases
        self._on_reply = on_reply
        self._waiting: list[Finish] = []
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, finish: Finish) -> None:
        if not self._waiting:
            self._empty.clear()
            self._arrived.set()
        self._waiting.append(finish)

    @property
    def pending(self) -> list[Finish]:
        """Finishes without a reply so far; the heartbeat thread also reads them."""
        return list(self._waiting)

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is written; False if that takes longer than `seconds`."""
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _next(self, most: int) -> list[Finish]:
        size = 0
        for count, finish in enumerate(self._waiting[:most]):
            size += len(finish.settlement.result or b"")
            if count and size > BATCH_BYTES:
                return self._waiting[:count]
        return self._waiting[:most]

    async def work(self) -> None:
        """Write finishes until cancelled."""
        pause, most = FIRST_PAUSE, BATCH
        while True:
            await self._arrived.wait()
            batch = self._next(most)
            try:
                results = await self._leases.finish(batch)
            except Exception as error:
                if isinstance(error, TriageError) and error.retryable:
                    log.warning("finish_failed", code=error.code, runs=len(batch))
                elif len(batch) > 1:
                    # One of them cannot be written, so find the others.
                    most = len(batch) // 2
                    continue
                else:
                    self._put_back(batch[0], error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE)
                continue
            pause, most = FIRST_PAUSE, min(2 * most, BATCH)
            del self._waiting[: len(batch)]
            for finish, result in zip(batch, results, strict=True):
                self._report(finish, result)
            if not self._waiting:
                self._arrived.clear()
                self._empty.set()

    def _put_back(self, finish: Finish, error: Exception) -> None:
        """Write it after the others: its job is damaged, or a script has a bug."""
        code = error.code if isinstance(error, TriageError) else type(error).__name__
        log.error("finish_failed", code=code, job_id=finish.lease.job.id)
        self._waiting.append(self._waiting.pop(0))

    def _report(self, finish: Finish, result: FinishResult) -> None:
        try:
            self._on_reply(finish, result)
        except Exception as error:
            log.error("reply_not_handled", job_id=finish.lease.job.id, exc_info=error)
