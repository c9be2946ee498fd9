"""Does the work of bulk actions from the API, beside the workers."""

import asyncio

import structlog

from service.api.deps import Backend
from service.domain.errors import TriageError

#: Seconds between looks where nothing is known to be coming.
PAUSE = 1.0

log = structlog.get_logger("triage.api")


async def keep_bulk_actions(backend: Backend) -> None:
    """Runs until it is cancelled; the namespaces that this process serves take turns."""
    away = False
    while True:
        pause = PAUSE
        for space in list(backend.spaces.values()):
            try:
                next_ms = await space.stores.bulk_keeper.work()
                away = False
            except TriageError as error:
                if not away:
                    log.warning("bulk_work_failed", code=error.code)
                away = True
                continue
            if next_ms is not None:
                pause = min(pause, next_ms / 1000)
        await asyncio.sleep(pause)
