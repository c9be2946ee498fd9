"""Carries on work on flows and fan-outs from the API: what a request began, and what a lost process left."""

import asyncio
import contextlib

import structlog

from service.api.deps import Asked, Backend
from service.domain.errors import StoreFault, TriageError

#: Seconds between looks: what a process left undone is carried on within this time.
PAUSE = 1.0
#: Seconds that the answer to an action waits for its effect; larger ones go on behind it.
ANSWER_WITHIN = 1.0
#: Looks between two at groups past their retention.
LOOKS = 60

log = structlog.get_logger("triage.api")


async def keep_groups(backend: Backend) -> None:
    """Runs until it is cancelled, over all namespaces that this process serves."""
    away, looks = False, 0
    while True:
        await asyncio.sleep(PAUSE)
        looks += 1
        for space in list(backend.spaces.values()):
            try:
                await space.stores.keeper.work()
                if looks % LOOKS == 0:
                    await space.stores.keeper.forget_ended()
                away = False
            except TriageError as error:
                if not away:
                    log.warning("group_work_failed", code=error.code)
                away = True


async def carry_on(asked: Asked) -> None:
    """Do what the request just asked for; what takes long is left to keep_groups."""
    work = asyncio.ensure_future(asked.stores.keeper.work())
    done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN)
    if not done:
        asked.backend.background.add(work)
        work.add_done_callback(asked.backend.background.discard)
        return
    # What was asked for is recorded; a task that Redis refuses, perhaps another's, is logged by keep_groups.
    with contextlib.suppress(StoreFault):
        work.result()
