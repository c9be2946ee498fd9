"""Group commit: calls that arrive in one tick of the event loop share one round trip to Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Collects items and commits them together; each caller gets its own result.

    Cancelling one caller does not affect the others, and its item may still be committed.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Awaitable[list[Answer]]], limit: int) -> None:
        self._commit = commit
        self._limit = limit
        self._pending: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._flushes: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> Answer:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._pending.append((item, future))
        if len(self._pending) == 1:
            loop.call_soon(self._start)
        return await future

    def _start(self) -> None:
        pending, self._pending = self._pending, []
        for start in range(0, len(pending), self._limit):
            task = asyncio.ensure_future(self._flush(pending[start : start + self._limit]))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _flush(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._commit([item for item, _ in batch])
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
