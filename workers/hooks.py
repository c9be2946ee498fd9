"""The startup, shutdown and per-job hooks of arq's WorkerSettings; none of them can harm a job's verdict."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

Hook = Callable[[dict[Any, Any]], Awaitable[Any]]

#: Seconds that a per-job hook may take.
HOOK_SECONDS = 10.0

log = structlog.get_logger("triage.hooks")


class Hooks:
    """Hooks of several modules run in the order of the modules, at shutdown in the opposite one."""

    def __init__(
        self,
        startup: Sequence[Hook] = (),
        shutdown: Sequence[Hook] = (),
        job_start: Sequence[Hook] = (),
        job_end: Sequence[Hook] = (),
        after_job_end: Sequence[Hook] = (),
    ) -> None:
        self.startup = tuple(startup)
        self.shutdown = tuple(reversed(shutdown))
        self._job_start = tuple(job_start)
        self._job_end = tuple(job_end)
        self._after_job_end = tuple(after_job_end)

    async def starts(self, context: dict[Any, Any]) -> None:
        """An error here is the operator's to see: the worker does not start."""
        for hook in self.startup:
            await hook(context)

    async def ends(self, context: dict[Any, Any], seconds: float) -> None:
        for hook in self.shutdown:
            await _guarded(hook, context, seconds)

    async def job_starts(self, context: dict[Any, Any]) -> None:
        for hook in self._job_start:
            await _guarded(hook, context, HOOK_SECONDS)

    async def job_ends(self, context: dict[Any, Any]) -> None:
        for hook in self._job_end:
            await _guarded(hook, context, HOOK_SECONDS)

    async def after_job_ends(self, context: dict[Any, Any]) -> None:
        """After Redis has answered."""
        for hook in self._after_job_end:
            await _guarded(hook, context, HOOK_SECONDS)

    @property
    def after(self) -> bool:
        return bool(self._after_job_end)


async def _guarded(hook: Hook, context: dict[Any, Any], seconds: float) -> None:
    try:
        await asyncio.wait_for(hook(context), seconds)
    except Exception as error:
        log.warning("hook_failed", hook=getattr(hook, "__qualname__", "?"), error=type(error).__name__)
