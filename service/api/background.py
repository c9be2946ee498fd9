"""The periodic duties of an API process, in every namespace that it serves."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from service.api.context import AppState, NamespaceState
from service.domain.errors import TriageError

#: The longest interval between API heartbeats, in seconds: workers may have shorter leases than this process.
HEARTBEAT = 1.0
#: The interval between checks for work that another process has left unfinished, in seconds.
WORK = 1.0
#: The interval between checks of the memory of Redis, in seconds.
MEMORY = 1.0
#: The interval between checks for groups past their retention, in seconds.
FORGET = 60.0

#: The interval between checks for a minute of the history that is due, in seconds.
STATS = 10.0

log = structlog.get_logger("triage.api")

#: Returns the seconds until its next run if it should be sooner than usual.
Duty = Callable[[NamespaceState], Awaitable[float | None]]


def duties(app_state: AppState) -> list[Coroutine[Any, Any, None]]:
    """One endless coroutine per duty."""
    lease_ms = app_state.settings.lease_ms

    found_tasks, found_actions = asyncio.Event(), asyncio.Event()

    async def api_heartbeat(namespace_state: NamespaceState) -> None:
        await send_heartbeat(app_state, namespace_state)
        if namespace_state.duties.tasks:
            found_tasks.set()
        if namespace_state.duties.bulk_actions:
            found_actions.set()

    async def stats(namespace_state: NamespaceState) -> None:
        await store_stats(app_state, namespace_state)

    return [
        watch_memory(app_state),
        repeat("api_heartbeat", app_state, min(HEARTBEAT, lease_ms / 8_000), api_heartbeat),
        repeat("work_on_groups", app_state, WORK, work_on_groups, found_tasks),
        repeat("forget_groups", app_state, FORGET, forget_groups),
        repeat("work_on_bulk_actions", app_state, WORK, work_on_bulk_actions, found_actions),
        repeat("store_stats", app_state, STATS, stats),
    ]


async def watch_memory(app_state: AppState) -> None:
    """Check the memory of Redis, which all namespaces share."""
    failed = False
    while True:
        try:
            # The heartbeat reports that Redis is unavailable.
            with contextlib.suppress(TriageError):
                await app_state.memory.refresh()
            failed = False
        except Exception as error:
            if not failed:
                log.error("duty_failed", duty="watch_memory", exc_info=error)
            failed = True
        await asyncio.sleep(MEMORY)


async def send_heartbeat(app_state: AppState, namespace_state: NamespaceState) -> None:
    """Show workers that Redis is reachable, so that they can tell an outage from a crashed worker.

    The reply says what there is to do. Namespaces in which nothing happens rest, except this process' own.
    """
    now, duties = app_state.clock.monotonic(), namespace_state.duties
    if not duties.heartbeat_due(now, namespace_state.used_at):
        return
    namespace, reachability = namespace_state.namespace, namespace_state.reachability
    try:
        due = await namespace.api_heartbeat(app_state.settings.lease_ms, reachability.away_ms)
    except TriageError:
        reachability.missed()
        duties.failed()
        raise
    reachability.reached()
    duties.found(due, now, rests=namespace.scripts.namespace != app_state.settings.namespace)


async def work_on_groups(namespace_state: NamespaceState) -> None:
    duties = namespace_state.duties
    if duties.tasks:
        # First: the next heartbeat finds what is left.
        duties.tasks = False
        await namespace_state.namespace.group_tasks.work()


async def forget_groups(namespace_state: NamespaceState) -> None:
    duties = namespace_state.duties
    if duties.groups:
        duties.groups = False
        await namespace_state.namespace.group_tasks.forget_ended()


async def work_on_bulk_actions(namespace_state: NamespaceState) -> float | None:
    """Work on a batch of a bulk action."""
    duties = namespace_state.duties
    if not duties.bulk_actions:
        return None
    next_ms = await namespace_state.namespace.bulk_batches.work()
    duties.bulk_actions = next_ms is not None
    return None if next_ms is None else next_ms / 1000


async def store_stats(app_state: AppState, namespace_state: NamespaceState) -> None:
    """Store a minute of the history if one is due."""
    now, duties = app_state.clock.monotonic(), namespace_state.duties
    if duties.stats_due(now):
        duties.stored_stats(now, await namespace_state.namespace.stats_recorder.work())


async def repeat(
    name: str, app_state: AppState, pause: float, duty: Duty, found: asyncio.Event | None = None
) -> None:
    """Run a duty in each namespace, with `pause` seconds between rounds or until there is work.

    A failure in one does not stop the others. Logs failures once, until a round succeeds in all of them.
    """
    failed = False
    while True:
        app_state.forget_idle_namespaces()
        wait, error = pause, None
        for namespace_state in list(app_state.namespace_states.values()):
            try:
                sooner = await duty(namespace_state)
                wait = wait if sooner is None else min(wait, sooner)
            except Exception as caught:
                # A bug, or data that it cannot read, must not end a duty without a trace.
                error = caught
        if not failed and isinstance(error, TriageError):
            log.warning("duty_failed", duty=name, code=error.code)
        elif not failed and error is not None:
            log.error("duty_failed", duty=name, exc_info=error)
        failed = error is not None
        if found is None:
            await asyncio.sleep(wait)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(found.wait(), wait)
        found.clear()
