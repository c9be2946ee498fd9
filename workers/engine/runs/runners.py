"""Where a handler runs: in the event loop, in a thread, or in a subprocess."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable
from typing import Any

import structlog

from service.settings import Settings
from workers.calls.invocation import Handler
from workers.engine.runs.caution import Caution
from workers.engine.runs.slots import Slot
from workers.engine.runs.subprocess import RemoteFailure, SubprocessDied, Subprocesses
from workers.handling.cancel_notice import outlast_first_cancel
from workers.handling.context import JobContext
from workers.handling.registry import Registry

__all__ = ["RemoteFailure", "Runners", "SubprocessDied"]

log = structlog.get_logger("triage.runners")


class Runners:
    """Runs handlers. The caller's first cancellation requests a stop; the second stops waiting for one.

    A coroutine receives both. A thread sees the first in `ctx` and keeps running after the second; a
    subprocess gets the first as a message, and the second kills it. Both hold the slot until they have ended.
    """

    def __init__(self, settings: Settings, registry: Registry, caution: Caution | None = None) -> None:
        self._caution = caution
        self._subprocesses = Subprocesses(settings, registry)

    def run(
        self, handler: Handler, context: JobContext, payload: dict[str, Any], slot: Slot, *, solo: bool
    ) -> Awaitable[object]:
        """Return or raise what the handler does, once awaited; `solo` forces a subprocess.

        For most jobs the awaitable is the handler's own coroutine.
        """
        if handler.executor == "process":
            return self._subprocesses.run(handler, context, payload, slot)
        if solo or (self._caution is not None and self._caution.active):
            return self._run_alone(handler, context, payload, slot)
        args, kwargs = handler.bind(payload)
        if handler.executor == "async":
            return handler.function(context, *args, **kwargs)
        return _in_thread(handler, context, args, kwargs, slot)

    async def _run_alone(
        self, handler: Handler, context: JobContext, payload: dict[str, Any], slot: Slot
    ) -> object:
        try:
            return await self._subprocesses.run(handler, context, payload, slot)
        except SubprocessDied:
            if self._caution is not None:
                self._caution.on_death()
            raise

    def close(self) -> None:
        self._subprocesses.close()


async def _in_thread(
    handler: Handler, context: JobContext, args: list[Any], kwargs: dict[str, Any], slot: Slot
) -> object:
    # A daemon thread per run instead of a pool: a thread that never ends blocks neither runs nor the exit.
    context.enter_thread()
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[object] = loop.create_future()
    variables = contextvars.copy_context()

    def finish(value: object, error: BaseException | None) -> None:
        slot.release()
        if outcome.cancelled():
            log.info("abandoned_thread_ended", job_id=slot.job_id, error=error and type(error).__name__)
        elif error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(value)

    def call() -> None:
        value, error = None, None
        try:
            value = variables.run(handler.function, context, *args, **kwargs)
        except StopIteration as stop:
            # asyncio refuses to set StopIteration on a future, so the run would never end.
            error = RuntimeError(f"the handler raised StopIteration({stop})")
        except BaseException as raised:
            error = raised
        # RuntimeError: the event loop is closed, so nothing waits for the result.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, value, error)

    thread = threading.Thread(target=call, name=context["job_id"], daemon=True)
    thread.start()
    slot.retain()
    try:
        await outlast_first_cancel(outcome, context, lambda: None)
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    return outcome.result()
