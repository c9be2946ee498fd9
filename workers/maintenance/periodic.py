"""Repeats a duty, even through outages of Redis."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from service.domain.errors import TriageError

#: Each pause gets up to this share longer, but at most the seconds below, so that workers that start together
#: do not run in step.
JITTER, JITTER_AT_MOST = 0.2, 0.3

log = structlog.get_logger("triage.maintenance")


async def repeat(name: str, duty: Callable[[], Awaitable[float]]) -> None:
    """Run `duty` forever; it returns the seconds until its next run. `name` is for log lines."""
    failed = False
    while True:
        try:
            pause = await duty()
            failed = False
        except TriageError as error:
            if not failed:
                log.warning("duty_failed", duty=name, code=error.code)
            failed = True
            pause = 0.5
        await asyncio.sleep(pause + min(pause * JITTER, JITTER_AT_MOST) * random.random())
