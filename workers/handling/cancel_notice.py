"""How a run learns that it should end, and why."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Literal

#: Why a run was asked to end: its job was cancelled, its time is over, another worker may own the job by now,
#: or this worker shuts down.
CancelReason = Literal["cancelled", "timeout", "lease_lost", "draining"]


class Flag(asyncio.Event):
    """An event of the event loop with a twin for threads, which cannot await."""

    def __init__(self) -> None:
        super().__init__()
        self.for_threads = threading.Event()

    def set(self) -> None:
        super().set()
        self.for_threads.set()


class CancelNotice:
    """The part of `ctx` that says whether the run should end. Coroutines are cancelled as well."""

    #: Set in all four cases. An asyncio.Event for coroutines, a threading.Event for plain functions, so that
    #: `wait(seconds)` works there: triage.context has the types that handlers see.
    cancelled: Any
    cancel_reason: CancelReason | None = None
    #: The `reason` of the cancel request.
    cancel_message: str | None = None

    def notify_cancel(self, reason: CancelReason, message: str | None = None) -> None:
        """The first reason counts."""
        if self.cancel_reason is None:
            self.cancel_reason, self.cancel_message = reason, message
            self.cancelled.set()

    def raise_if_cancelled(self) -> None:
        """For plain functions between two steps: end here, by CancelledError, if the run should end."""
        if self.cancel_reason is not None:
            raise asyncio.CancelledError(self.cancel_reason)


async def outlast_first_cancel(
    work: asyncio.Future[Any], notice: CancelNotice, tell: Callable[[], None]
) -> None:
    """Wait for work that a cancellation cannot stop: the first one only tells it, the second is raised.

    Who cancels twice has let the grace pass in between. A cancellation without a reason has no grace: the
    event loop itself ends.
    """
    told = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            if told or notice.cancel_reason is None:
                raise
            told = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            tell()
