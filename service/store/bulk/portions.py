"""Runs bulk actions, portion by portion; several processes may do so at once."""

from service.domain.bulk_action import BulkAction
from service.store.bulk.job_selection import JobSelection
from service.store.codec.bulk_actions import decode_action
from service.store.codec.fields import not_negative, pairs, text
from service.store.jobs import Jobs
from service.store.redis.scripts import Scripts

#: Milliseconds after which another process may claim an action whose claimed portion is not done.
CLAIM_MS = 5_000


class BulkBatches:
    """One script call does a portion and advances the action's position, so no portion is done twice."""

    def __init__(self, scripts: Scripts, jobs: Jobs, selection: JobSelection) -> None:
        self._scripts = scripts
        self._jobs = jobs
        self._selection = selection

    async def work(self) -> int | None:
        """Do one portion that is due; returns the ms until the next one, None without running actions."""
        id, found = await self._scripts.run("claim_bulk_action", [CLAIM_MS])
        if (action_id := text(id)) is None:
            return not_negative(found)
        if (action := decode_action(action_id, pairs(found))) is not None:
            await self._do(action)
        return 0

    async def _do(self, action: BulkAction) -> None:
        spec = action.spec
        found = await self._selection.batch(action.query, action.position, action.batch_size)
        portion = f"{action.id} {action.position} {found.position} {'last' if found.last else 'more'}"
        match spec.verb:
            case "cancel":
                await self._jobs.cancel(found.ids, spec.grace_ms, portion=portion)
            case "retry":
                await self._jobs.redrive(found.ids, portion=portion)
            case "delete":
                await self._jobs.delete(found.ids, portion=portion)
