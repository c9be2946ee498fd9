"""Runs the hooks of arq's WorkerSettings. A start hook can fail its run; the others cannot affect it."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from service.domain.job import Lease

Hook = Callable[[dict[Any, Any]], Awaitable[Any]]

#: The timeout of a per-job hook, in seconds.
HOOK_SECONDS = 10.0

log = structlog.get_logger("triage.hooks")


@dataclass(frozen=True, slots=True)
class ModuleHooks:
    """The hooks of one WorkerSettings."""

    startup: Hook | None = None
    shutdown: Hook | None = None
    job_start: Hook | None = None
    job_end: Hook | None = None
    after_job_end: Hook | None = None


@dataclass(slots=True)
class _Open:
    """A run whose hooks have begun and not finished."""

    context: Any
    variables: contextvars.Context
    #: Modules whose start hook succeeded; the end hooks of the others do not run.
    started: list[ModuleHooks]
    #: Whether the handler and the end hooks are done.
    ended: bool = False
    #: Whether Redis has the finish of the run, or will never get one.
    settled: bool = False


class Hooks:
    """Runs hooks in the order of their modules, and end hooks in reverse order."""

    def __init__(self, modules: Sequence[ModuleHooks] = ()) -> None:
        self.modules = tuple(modules)
        #: Whether any hook of theirs runs with each job.
        self.per_job = any(m.job_start or m.job_end or m.after_job_end for m in self.modules)
        #: By lease token.
        self._open: dict[str, _Open] = {}
        self._after: set[asyncio.Task[None]] = set()

    async def starts(self, context: dict[Any, Any]) -> None:
        """Run the startup hooks. An error keeps the worker from starting, so that the operator sees it."""
        for module in self.modules:
            if module.startup is not None:
                await module.startup(context)

    async def ends(self, context: dict[Any, Any], seconds: float) -> None:
        """Run the shutdown hooks, after the hooks of the last runs, which may need what they close."""
        if self._after:
            await asyncio.wait(self._after, timeout=seconds)
        for module in reversed(self.modules):
            await _guarded(module.shutdown, context, seconds)

    async def job_starts(self, context: Any) -> None:
        """Run the start hooks. If one raises or times out, the attempt fails without running the handler.

        They run in the run's task, so that the handler sees the context variables that they set.
        """
        if not self.per_job:
            return
        run = _Open(context, contextvars.copy_context(), [])
        self._open[context.lease.token] = run
        for module in self.modules:
            if module.job_start is not None:
                async with asyncio.timeout(HOOK_SECONDS):
                    await module.job_start(context)
            run.started.append(module)
        run.variables = contextvars.copy_context()

    async def job_ends(self, context: Any) -> None:
        """Run the end hooks, after the handler has ended with any outcome."""
        run = self._open.get(context.lease.token)
        if run is None:
            return
        for module in reversed(run.started):
            await _guarded(module.job_end, context, HOOK_SECONDS)
        run.ended = True
        self._close(run)

    def settled(self, lease: Lease) -> None:
        """Run the after hooks once Redis has the finish, or the run has lost its lease and has none."""
        run = self._open.get(lease.token)
        if run is not None:
            run.settled = True
            self._close(run)

    def _close(self, run: _Open) -> None:
        # The handler of an abandoned run may still be using what the after hooks close.
        if not (run.ended and run.settled):
            return
        del self._open[run.context.lease.token]
        if any(module.after_job_end is not None for module in run.started):
            task = asyncio.get_running_loop().create_task(_after(run), context=run.variables)
            self._after.add(task)
            task.add_done_callback(self._after.discard)


async def _after(run: _Open) -> None:
    for module in reversed(run.started):
        await _guarded(module.after_job_end, run.context, HOOK_SECONDS)


async def _guarded(hook: Hook | None, context: Any, seconds: float) -> None:
    if hook is None:
        return
    try:
        async with asyncio.timeout(seconds):
            await hook(context)
    except BaseException as error:
        # Otherwise SystemExit would end the worker, and a cancellation would replace the run's outcome.
        log.warning("hook_failed", hook=getattr(hook, "__qualname__", "?"), error=type(error).__name__)
