"""Where a handler runs: in the event loop, in a thread, or in a process of its own."""

import asyncio
import contextlib
import contextvars
import threading
from typing import Any

import structlog

from service.settings import Settings
from workers.calls.invocation import Handler
from workers.engine.runs.caution import Caution
from workers.engine.runs.slots import Slot
from workers.engine.runs.subprocess import ChildDied, ChildProcesses, RemoteFailure
from workers.handling.cancel_notice import outlast_first_cancel
from workers.handling.context import JobContext
from workers.handling.registry import Registry

__all__ = ["ChildDied", "RemoteFailure", "Runners"]

log = structlog.get_logger("triage.runners")


class Runners:
    """Runs handlers. The caller's first cancellation asks a handler to end; the second stops waiting for it.

    A coroutine gets both itself. A thread finds the first in `ctx` and runs on after the second; a process is
    told of the first and killed by the second. The slot is held until the thread or the process has ended.
    """

    def __init__(self, settings: Settings, registry: Registry, caution: Caution | None = None) -> None:
        self._caution = caution
        self._children = ChildProcesses(settings, registry)

    async def run(
        self, handler: Handler, context: JobContext, payload: dict[str, Any], slot: Slot, *, solo: bool
    ) -> object:
        """The handler's result; `solo` puts any handler into a process of its own. Raises what it raised."""
        if handler.executor == "process":
            return await self._children.run(handler, context, payload, slot)
        if solo or (self._caution is not None and self._caution.active):
            return await self._run_alone(handler, context, payload, slot)
        args, kwargs = handler.bind(payload)
        if handler.executor == "async":
            return await handler.function(context, *args, **kwargs)
        return await _in_thread(handler, context, args, kwargs, slot)

    async def _run_alone(
        self, handler: Handler, context: JobContext, payload: dict[str, Any], slot: Slot
    ) -> object:
        try:
            return await self._children.run(handler, context, payload, slot)
        except ChildDied:
            if self._caution is not None:
                self._caution.died()
            raise

    def close(self) -> None:
        self._children.close()


async def _in_thread(
    handler: Handler, context: JobContext, args: list[Any], kwargs: dict[str, Any], slot: Slot
) -> object:
    # A daemon thread per run and no pool: one that never ends costs itself and keeps no process alive.
    context.enter_thread()
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[object] = loop.create_future()
    variables = contextvars.copy_context()

    def finish(value: object, error: BaseException | None) -> None:
        slot.let_go()
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
            # asyncio refuses to raise it, and the run would never end.
            error = RuntimeError(f"the handler raised StopIteration({stop})")
        except BaseException as raised:
            error = raised
        # After the event loop has been closed nobody waits for it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, value, error)

    thread = threading.Thread(target=call, name=context["job_id"], daemon=True)
    thread.start()
    slot.hold()
    try:
        await outlast_first_cancel(outcome, context, lambda: None)
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    return outcome.result()
