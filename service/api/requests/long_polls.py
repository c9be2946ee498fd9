"""Waiting over HTTP: `Prefer: wait`, long polls, and If-None-Match."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect

from service.clock import Clock
from service.domain.job import Job
from service.domain.states import FINISHED
from service.store.changes.change_feed import Change
from service.tasks import end

MAX_WAIT = 30.0
#: How often to check a waiting caller's credentials, in seconds: a revoked key must not keep reading.
CHECK_SECONDS = 2.0
Resource = TypeVar("Resource")
#: Matches the whole value: the first digits of `1e9` would be a different wait.
_PREFER = re.compile(
    r"(?:^|[,;\s])wait\s*=\s*(\"?)(\d{1,9}(?:\.\d{1,9})?)\1(?=$|[,;\s])",
    re.IGNORECASE,
)


def preferred_wait(header: str | None) -> float | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), at most 30; None without that preference."""
    found = _PREFER.search(header or "")
    return None if found is None else min(float(found[2]), MAX_WAIT)


def matches(if_none_match: str | None, version: int) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{version}"' in tags


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a change, until its client disconnects or its credentials expire.

    `check` raises the error that a new request with these credentials would get.
    """

    changed: Change
    gone: "asyncio.Task[None]"
    check: Callable[[], Awaitable[None]]

    async def wait(self, seconds: float) -> None:
        """Return at a change or after `seconds`; raises ClientDisconnect when the client disconnects."""
        changed = asyncio.ensure_future(self.changed.wait())
        try:
            await asyncio.wait({changed, self.gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([changed])
        if self.gone.done():
            raise ClientDisconnect()


@contextlib.asynccontextmanager
async def hang_up_noticed(receive: Callable[[], Awaitable[Any]]) -> "AsyncGenerator[asyncio.Task[None]]":
    """A task that ends when the client disconnects; read the whole request before."""
    gone = asyncio.create_task(_hang_up(receive))
    try:
        yield gone
    finally:
        await end([gone])


async def _hang_up(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def until(
    read: Callable[[], Awaitable[Resource | None]],
    waiting: Waiting,
    seconds: float,
    is_done: Callable[[Resource], bool],
    clock: Clock,
) -> Resource | None:
    """Read the resource until `is_done`, and return its last state after `seconds` or at shutdown.

    Returns None when it does not exist.
    """
    changed = waiting.changed
    began = checked = clock.monotonic()
    while True:
        changed.clear()
        found = await read()
        remaining = began + seconds - clock.monotonic()
        if found is None or is_done(found) or remaining <= 0 or changed.last:
            return found
        while remaining > 0 and not changed.is_set():
            await waiting.wait(min(remaining, CHECK_SECONDS))
            now = clock.monotonic()
            remaining = began + seconds - now
            if now - checked >= CHECK_SECONDS:
                await waiting.check()
                checked = now


def is_finished(job: Job) -> bool:
    return job.state in FINISHED
