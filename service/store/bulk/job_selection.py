"""Finds the next jobs of a bulk action in the indexes, a bounded number of candidates at a time."""

from dataclasses import dataclass

from service.domain.bulk_action import START, Query
from service.store.groups.group_jobs import GroupJobs
from service.store.groups.groups import Groups
from service.store.job_search import SCAN_BUDGET
from service.store.queries import Queries

#: Candidates that one round trip reads, and that a count checks before it stops.
_CHUNK = 200
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Batch:
    """The jobs found up to a position; `last`: no candidates come after it."""

    ids: list[str]
    position: str
    last: bool


class JobSelection:
    """Jobs of one namespace, newest first. A position is `created_at|id` of a job; in a group, its id."""

    def __init__(self, queries: Queries, groups: Groups, group_jobs: GroupJobs) -> None:
        self._queries = queries
        self._groups = groups
        self._group_jobs = group_jobs

    async def batch(self, query: Query, position: str, limit: int) -> Batch:
        """The next `limit` jobs that match; fewer when SCAN_BUDGET candidates did not contain so many."""
        found: list[str] = []
        chunk = min(limit, _CHUNK) if query.filter.indexed else _CHUNK
        for _ in range(max(1, SCAN_BUDGET // _CHUNK)):
            candidates = await self._candidates(query, position, chunk)
            jobs = await self._queries.outlines([id for id, _ in candidates]) if candidates else []
            for (id, place), job in zip(candidates, jobs, strict=True):
                position = place
                if job is not None and query.matches(job):
                    found.append(id)
                if len(found) == limit:
                    return Batch(found, position, last=False)
            if len(candidates) < chunk:
                return Batch(found, position, last=True)
        return Batch(found, position, last=False)

    async def count(self, query: Query) -> tuple[int, bool]:
        """How many jobs match, and whether the count is complete; it checks at most COUNTED candidates."""
        if query.filter.indexed:
            return await self._queries.count(query.filter, query.states), True
        matched, position = 0, START
        for _ in range(COUNTED // SCAN_BUDGET):
            batch = await self.batch(query, position, SCAN_BUDGET)
            matched += len(batch.ids)
            if batch.last:
                return matched, True
            position = batch.position
        return matched, False

    async def _candidates(self, query: Query, position: str, limit: int) -> list[tuple[str, str]]:
        at, _, after = ("0", "", "") if position == START else position.rpartition("|")
        if query.filter.group_id is None:
            rows = await self._queries.candidates(query.filter, query.states, limit, at, after)
            return [(id, f"{created_at}|{id}") for id, created_at in rows]
        group = await self._groups.get(query.filter.group_id)
        if group is None:
            return []
        return [(id, id) for id in await self._group_jobs.below(group, after or None, limit)]
