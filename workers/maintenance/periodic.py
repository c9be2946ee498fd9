"""Repeats a duty, even through outages of Redis."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from service.domain.errors import TriageError

#: Each pause gets up to this share longer, but at most the seconds below, so that workers that start together
#: do not run in step.
JITTER, JITTER_AT_MOST = 0.2, 0.3
#: The pause after a failure, in seconds.
AGAIN = 0.5

log = structlog.get_logger("triage.maintenance")


async def repeat(name: str, duty: Callable[[], Awaitable[float]]) -> None:
    """Run `duty` forever; it returns the seconds until its next run. `name` is for log lines.

    A bug, or data that it cannot read, must not end a duty without a trace.
    """
    failed = False
    while True:
        try:
            pause = await duty()
            failed = False
        except Exception as error:
            if not failed and isinstance(error, TriageError):
                log.warning("duty_failed", duty=name, code=error.code)
            elif not failed:
                log.error("duty_failed", duty=name, exc_info=error)
            failed = True
            pause = AGAIN
        await asyncio.sleep(pause + min(pause * JITTER, JITTER_AT_MOST) * random.random())
