"""Runs a duty again and again, even when Redis is unavailable."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from service.domain.errors import TriageError

#: A pause is lengthened by up to this share, at most by the seconds below, so that workers that start
#: together do not work in step.
JITTER, JITTER_AT_MOST = 0.2, 0.3

log = structlog.get_logger("triage.maintenance")


async def repeat(name: str, duty: Callable[[], Awaitable[float]]) -> None:
    """`duty` returns the seconds until it wants to run again; log lines call it `name`."""
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
