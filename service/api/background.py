"""What an API process does periodically besides requests, in every namespace that it serves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from service.api.context import AppState, NamespaceState
from service.domain.errors import TriageError

#: Seconds between heartbeats at most: a worker may have shorter leases than this process knows of.
HEARTBEAT = 1.0
#: Seconds between looks: what a process left undone is carried on within this time.
WORK = 1.0
#: Seconds between looks at groups past their retention.
FORGET = 60.0

log = structlog.get_logger("triage.api")

#: Returns the seconds until its next run if that is sooner than usual.
Duty = Callable[[NamespaceState], Awaitable[float | None]]


def duties(app_state: AppState) -> list[Coroutine[Any, Any, None]]:
    """One endless coroutine per duty."""
    lease_ms = app_state.settings.lease_ms

    async def heartbeat(namespace_state: NamespaceState) -> None:
        # Workers tell an outage from a crash by it: that Redis was reachable.
        try:
            await namespace_state.stores.api_heartbeat(lease_ms, namespace_state.reachability.away_ms)
        except TriageError:
            namespace_state.reachability.missed()
            raise
        namespace_state.reachability.reached()

    return [
        repeat("heartbeat", app_state, min(HEARTBEAT, lease_ms / 8_000), heartbeat),
        repeat("work_on_groups", app_state, WORK, work_on_groups),
        repeat("forget_groups", app_state, FORGET, forget_groups),
        repeat("act", app_state, WORK, act),
    ]


async def work_on_groups(namespace_state: NamespaceState) -> None:
    await namespace_state.stores.group_tasks.work()


async def forget_groups(namespace_state: NamespaceState) -> None:
    await namespace_state.stores.group_tasks.forget_ended()


async def act(namespace_state: NamespaceState) -> float | None:
    """A portion of a bulk action."""
    next_ms = await namespace_state.stores.bulk_batches.work()
    return None if next_ms is None else next_ms / 1000


async def repeat(name: str, app_state: AppState, pause: float, duty: Duty) -> None:
    """Visits all namespaces in turn, with `pause` seconds between rounds.

    A failure in one does not stop the others. It is logged once, until a round succeeds in all of them.
    """
    failed = False
    while True:
        app_state.leave_spaces()
        wait, error = pause, None
        for namespace_state in list(app_state.namespace_states.values()):
            try:
                sooner = await duty(namespace_state)
                wait = wait if sooner is None else min(wait, sooner)
            except TriageError as caught:
                error = caught
        if error is not None and not failed:
            log.warning("duty_failed", duty=name, code=error.code)
        failed = error is not None
        await asyncio.sleep(wait)
