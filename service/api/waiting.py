"""Prefer: wait, long polls, If-None-Match: the small grammar of waiting over HTTP."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.clock import Clock
from service.domain.job import Job
from service.domain.states import FINISHED
from service.store.watches import Change

MAX_WAIT = 30.0
Resource = TypeVar("Resource")
_PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4}(?:\.\d{1,3})?)\"?", re.IGNORECASE)


def preferred_wait(header: str | None) -> float | None:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 30; None when the header does not ask for it."""
    found = _PREFER.search(header or "")
    return None if found is None else min(float(found[1]), MAX_WAIT)


def matches(if_none_match: str | None, version: int) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{version}"' in tags


async def until(
    read: Callable[[], Awaitable[Resource | None]],
    changed: Change,
    seconds: float,
    enough: Callable[[Resource], bool],
    clock: Clock,
) -> Resource | None:
    """What `read` reads once it is enough, or as it is after `seconds` or at shutdown.

    None when it does not exist.
    """
    deadline = clock.monotonic() + seconds
    while True:
        changed.clear()
        found = await read()
        remaining = deadline - clock.monotonic()
        if found is None or enough(found) or remaining <= 0 or changed.last:
            return found
        try:
            await asyncio.wait_for(changed.wait(), remaining)
        except TimeoutError:
            continue


def is_finished(job: Job) -> bool:
    return job.state in FINISHED
