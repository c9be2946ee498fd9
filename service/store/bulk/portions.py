"""Does the work of bulk actions, portion by portion; any process may, more than one at a time."""

from service.domain.bulk_action import batch_rate
from service.store.bulk.bulk_actions import BulkAction, decode_action
from service.store.bulk.job_selection import JobSelection
from service.store.codec import pairs
from service.store.jobs import Jobs
from service.store.redis.scripts import Scripts

#: Milliseconds until another process takes an action whose taker has not done its portion.
TAKEN_MS = 5_000


class BulkBatches:
    """Bulk actions of one namespace. None is done twice: a portion counts and steps on in one script call."""

    def __init__(self, scripts: Scripts, jobs: Jobs, selection: JobSelection) -> None:
        self._scripts = scripts
        self._jobs = jobs
        self._selection = selection

    async def work(self) -> int | None:
        """Do one portion that is due; answers the ms until another one may be, None without any."""
        id, found = await self._scripts.run("claim_bulk_action", [TAKEN_MS])
        if not id:
            return None if found < 0 else found
        await self._do(decode_action(id.decode(), pairs(found)))
        return 0

    async def _do(self, action: BulkAction) -> None:
        spec = action.spec
        limit, _ = batch_rate(spec.rate_per_second)
        if spec.max is not None:
            limit = min(limit, spec.max - action.succeeded)
        found = await self._selection.batch(action.query, action.position, limit)
        portion = f"{action.id} {action.position} {found.position} {'last' if found.last else 'more'}"
        match spec.verb:
            case "cancel":
                await self._jobs.cancel(found.ids, spec.grace_ms, portion=portion)
            case "retry":
                await self._jobs.redrive(found.ids, portion=portion)
            case "delete":
                await self._jobs.delete(found.ids, portion=portion)
