"""Where a handler runs: in the event loop, in a thread, or in a process of its own."""

import asyncio
import contextvars
import threading
from concurrent.futures import Future
from typing import Any

from service.settings import Settings
from workers.child_process import ChildDied, ChildProcesses, RemoteFailure
from workers.context import JobContext
from workers.invocation import Handler
from workers.registry import Registry

__all__ = ["ChildDied", "RemoteFailure", "Runners"]


class Runners:
    """Runs handlers. Cancelling the caller cancels a coroutine and kills a process; a thread runs on."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._children = ChildProcesses(settings, registry)
        self._threads = 0

    @property
    def leaked(self) -> int:
        """Threads that still run although nobody waits for them."""
        return self._threads

    async def run(
        self, handler: Handler, context: JobContext, payload: dict[str, Any], *, solo: bool
    ) -> object:
        """The handler's result; `solo` puts any handler into a process of its own. Raises what it raised."""
        if solo or handler.executor == "process":
            return await self._children.run(handler, context, payload)
        args, kwargs = handler.bind(payload)
        if handler.executor == "async":
            return await handler.function(context, *args, **kwargs)
        return await self._in_thread(handler, context, args, kwargs)

    async def _in_thread(
        self, handler: Handler, context: JobContext, args: list[Any], kwargs: dict[str, Any]
    ) -> object:
        # A daemon thread per run and no pool: one that never ends costs itself and keeps no process alive.
        context.threaded = True
        outcome: Future[object] = Future()
        variables = contextvars.copy_context()

        def call() -> None:
            try:
                outcome.set_result(variables.run(handler.function, context, *args, **kwargs))
            except BaseException as error:
                outcome.set_exception(error)

        thread = threading.Thread(target=call, name=context["job_id"], daemon=True)
        thread.start()
        try:
            return await asyncio.wrap_future(_uncancellable(outcome))
        except asyncio.CancelledError:
            if thread.is_alive():
                self._threads += 1
                outcome.add_done_callback(lambda _: self._ended())
            raise

    def _ended(self) -> None:
        self._threads -= 1

    def close(self) -> None:
        self._children.close()


def _uncancellable(source: Future[object]) -> Future[object]:
    # wrap_future cancels what it wraps, and a cancelled Future would swallow the thread's later result.
    copy: Future[object] = Future()

    def forward(done: Future[object]) -> None:
        if not copy.set_running_or_notify_cancel():
            return
        error = done.exception()
        (copy.set_exception if error is not None else copy.set_result)(error or done.result())  # type: ignore[operator, arg-type]

    source.add_done_callback(forward)
    return copy
