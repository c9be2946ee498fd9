"""Prefer: wait, long polls, If-None-Match: the small grammar of waiting over HTTP."""

import asyncio
import re
from collections.abc import Callable

from service.clock import Clock
from service.domain.job import Job
from service.domain.states import FINISHED
from service.store.stores import Stores

MAX_WAIT = 30.0
_PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4}(?:\.\d{1,3})?)\"?", re.IGNORECASE)


def preferred_wait(header: str | None) -> float | None:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 30; None when the header does not ask for it."""
    found = _PREFER.search(header or "")
    return None if found is None else min(float(found[1]), MAX_WAIT)


def matches(if_none_match: str | None, version: int) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{version}"' in tags


async def until(
    stores: Stores,
    id: str,
    changed: asyncio.Event,
    seconds: float,
    enough: Callable[[Job], bool],
    clock: Clock,
) -> Job | None:
    """The job as soon as it is enough, or as it is after `seconds`; None when it does not exist."""
    deadline = clock.monotonic() + seconds
    while True:
        changed.clear()
        job = await stores.queries.job(id)
        remaining = deadline - clock.monotonic()
        if job is None or enough(job) or remaining <= 0:
            return job
        try:
            await asyncio.wait_for(changed.wait(), remaining)
        except TimeoutError:
            continue


def is_finished(job: Job) -> bool:
    return job.state in FINISHED
