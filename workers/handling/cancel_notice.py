"""Notifies a run that it should stop, and why."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Literal

#: Why a run should stop: its job was cancelled, it timed out, another worker may own the job by now, or this
#: worker is shutting down.
CancelReason = Literal["cancelled", "timeout", "lease_lost", "draining"]


class Flag(asyncio.Event):
    """An asyncio event with a twin for threads, which cannot await."""

    def __init__(self) -> None:
        super().__init__()
        self.for_threads = threading.Event()

    def set(self) -> None:
        super().set()
        self.for_threads.set()


class CancelNotice:
    """The part of `ctx` that says whether the run should stop. Coroutines are also cancelled."""

    #: Set for all four reasons. An asyncio.Event for coroutines, a threading.Event for plain functions, so
    #: that `wait(seconds)` works there: triage.context has the types that handlers see.
    cancelled: Any
    cancel_reason: CancelReason | None = None
    #: The `reason` of the cancel request.
    cancel_message: str | None = None

    def notify_cancel(self, reason: CancelReason, message: str | None = None) -> None:
        """Only the first reason counts."""
        if self.cancel_reason is None:
            self.cancel_reason, self.cancel_message = reason, message
            self.cancelled.set()

    def raise_if_cancelled(self) -> None:
        """For plain functions between two steps: raise CancelledError if the run should stop."""
        if self.cancel_reason is not None:
            raise asyncio.CancelledError(self.cancel_reason)


async def outlast_first_cancel(
    work: asyncio.Future[Any], notice: CancelNotice, on_first_cancel: Callable[[], None]
) -> None:
    """Wait for work that cannot be cancelled: a first cancellation calls `on_first_cancel`, a second raises.

    The worker lets the grace pass between the two. A cancellation without a reason has no grace, because
    the event loop is shutting down.
    """
    notified = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            if notified or notice.cancel_reason is None:
                raise
            notified = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            on_first_cancel()
