"""What an API process does again and again beside requests, in every namespace that it serves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from service.api.context import Backend, Space
from service.domain.errors import TriageError

#: Seconds between pulses at most: a worker may have shorter leases than this process knows of.
PULSE = 1.0
#: Seconds between looks: what a process left undone is carried on within this time.
WORK = 1.0
#: Seconds between looks at groups past their retention.
FORGET = 60.0

log = structlog.get_logger("triage.api")

#: Answers the seconds until it wants to run again if that is sooner than usual.
Duty = Callable[[Space], Awaitable[float | None]]


def duties(backend: Backend) -> list[Coroutine[Any, Any, None]]:
    """One endless coroutine per duty."""
    lease_ms = backend.settings.lease_ms

    async def pulse(space: Space) -> None:
        # Workers tell an outage from a crash by it: that Redis was reachable.
        try:
            await space.stores.pulse(lease_ms, space.reachability.away_ms)
        except TriageError:
            space.reachability.missed()
            raise
        space.reachability.reached()

    return [
        repeat("pulse", backend, min(PULSE, lease_ms / 8_000), pulse),
        repeat("work_on_groups", backend, WORK, work_on_groups),
        repeat("forget_groups", backend, FORGET, forget_groups),
        repeat("act", backend, WORK, act),
    ]


async def work_on_groups(space: Space) -> None:
    await space.stores.keeper.work()


async def forget_groups(space: Space) -> None:
    await space.stores.keeper.forget_ended()


async def act(space: Space) -> float | None:
    """A portion of a bulk action."""
    next_ms = await space.stores.bulk_keeper.work()
    return None if next_ms is None else next_ms / 1000


async def repeat(name: str, backend: Backend, pause: float, duty: Duty) -> None:
    """All namespaces in turn, `pause` seconds between two rounds; where it fails, the others go on.

    That is logged once, until a round has gone well in all of them.
    """
    failed = False
    while True:
        backend.leave_spaces()
        wait, error = pause, None
        for space in list(backend.spaces.values()):
            try:
                sooner = await duty(space)
                wait = wait if sooner is None else min(wait, sooner)
            except TriageError as caught:
                error = caught
        if error is not None and not failed:
            log.warning("duty_failed", duty=name, code=error.code)
        failed = error is not None
        await asyncio.sleep(wait)
