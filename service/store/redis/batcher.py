"""Group commit: calls that arrive in one tick of the event loop share one round trip to Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Collects items and commits them together; each caller gets its own result.

    Cancelling one caller does not affect the others, and its item may still be committed.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[list[Result]]],
        split: Callable[[Sequence[Item]], Iterable[Sequence[Item]]],
    ) -> None:
        """`split` divides items, in order, so that each part may be committed together."""
        self._commit = commit
        self._split = split
        self._pending: list[tuple[Item, asyncio.Future[Result]]] = []
        self._flushes: set[asyncio.Task[None]] = set()

    def add(self, item: Item) -> "asyncio.Future[Result]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._pending.append((item, future))
        if len(self._pending) == 1:
            loop.call_soon(self._start)
        return future

    def _start(self) -> None:
        pending, self._pending = self._pending, []
        start = 0
        for part in self._split([item for item, _ in pending]):
            task = asyncio.ensure_future(self._flush(pending[start : start + len(part)]))
            start += len(part)
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _flush(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([item for item, _ in batch])
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
