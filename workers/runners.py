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
        self._left: set[Future[object]] = set()

    @property
    def leaked(self) -> int:
        """Threads that still run although nobody waits for them."""
        return len(self._left)

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
            except StopIteration as error:
                # asyncio refuses to raise it, and the run would never end.
                outcome.set_exception(RuntimeError(f"the handler raised StopIteration({error})"))
            except BaseException as error:
                outcome.set_exception(error)

        thread = threading.Thread(target=call, name=context["job_id"], daemon=True)
        thread.start()
        try:
            return await asyncio.wrap_future(_uncancellable(outcome))
        except asyncio.CancelledError:
            if thread.is_alive():
                self._left.add(outcome)
                outcome.add_done_callback(self._left.discard)
            raise

    def close(self) -> None:
        self._children.close()


def _uncancellable(source: Future[object]) -> Future[object]:
    # wrap_future cancels what it wraps, and a cancelled Future would swallow the thread's later result.
    copy: Future[object] = Future()

    def forward(done: Future[object]) -> None:
        if not copy.set_running_or_notify_cancel():
            return
        error = done.exception()
        if error is None:
            copy.set_result(done.result())
        else:
            copy.set_exception(error)

    source.add_done_callback(forward)
    return copy
