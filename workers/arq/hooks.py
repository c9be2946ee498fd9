"""The hooks of arq's WorkerSettings. A start hook may fail its run; no other hook can change an outcome."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from service.domain.job import Lease

Hook = Callable[[dict[Any, Any]], Awaitable[Any]]

#: Seconds that a per-job hook may take.
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
    """A run between its first start hook and its last after hook."""

    context: Any
    variables: contextvars.Context
    #: Modules whose start hook succeeded: only their end hooks are called.
    started: list[ModuleHooks]
    #: The handler and the end hooks are done.
    ended: bool = False
    #: Redis has the finish of the run, or never will.
    settled: bool = False


class Hooks:
    """Hooks of several modules run in the order of the modules, end hooks in reverse order."""

    def __init__(self, modules: Sequence[ModuleHooks] = ()) -> None:
        self.modules = tuple(modules)
        #: Whether any hook of theirs runs with each job.
        self.per_job = any(m.job_start or m.job_end or m.after_job_end for m in self.modules)
        #: By lease token.
        self._open: dict[str, _Open] = {}
        self._after: set[asyncio.Task[None]] = set()

    async def starts(self, context: dict[Any, Any]) -> None:
        """Errors are not caught: the worker does not start, and the operator sees why."""
        for module in self.modules:
            if module.startup is not None:
                await module.startup(context)

    async def ends(self, context: dict[Any, Any], seconds: float) -> None:
        """After the hooks of the last runs, because they may use what the shutdown hooks close."""
        if self._after:
            await asyncio.wait(self._after, timeout=seconds)
        for module in reversed(self.modules):
            await _guarded(module.shutdown, context, seconds)

    async def job_starts(self, context: Any) -> None:
        """Raises what a start hook raised, and TimeoutError: the attempt fails and the handler never runs.

        The hooks run in the run's own task, so that the handler sees the context variables that they set.
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
        """The handler has ended, whatever its outcome."""
        run = self._open.get(context.lease.token)
        if run is None:
            return
        for module in reversed(run.started):
            await _guarded(module.job_end, context, HOOK_SECONDS)
        run.ended = True
        self._close(run)

    def settled(self, lease: Lease) -> None:
        """Redis has the finish of this run, or the run has lost its lease and nothing will be written."""
        run = self._open.get(lease.token)
        if run is not None:
            run.settled = True
            self._close(run)

    def _close(self, run: _Open) -> None:
        # An abandoned run is settled while its handler still uses what the after hooks would close.
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
        # SystemExit would end the worker, and a cancellation would replace the outcome of the run.
        log.warning("hook_failed", hook=getattr(hook, "__qualname__", "?"), error=type(error).__name__)
