"""Lists the jobs of one flow or fan-out from the ids in its record, without an index or a scan."""

from collections.abc import Iterable, Iterator
from itertools import islice

from service.domain.errors import CursorInvalid
from service.domain.fan_out import FIRST_ITEM, FanOut, item_id
from service.domain.group import Group
from service.domain.ids import is_id, member_number
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.store.cursors import decode_cursor, encode_cursor
from service.store.groups.groups import Groups
from service.store.job_search import SCAN_BUDGET
from service.store.queries import MAX_CANDIDATES, Page, Pause, Queries


class GroupJobs:
    """Jobs of groups of one namespace, newest id first."""

    def __init__(self, queries: Queries, groups: Groups) -> None:
        self._queries = queries
        self._groups = groups

    async def page(
        self, group: Group, filter: JobFilter, limit: int, cursor: str | None, pause: Pause | None = None
    ) -> Page[Job]:
        """The jobs that exist and match; a page may be shorter than `limit` and still have a next one."""
        before = None if cursor is None else decode_cursor(cursor, 1)[0]
        if before is not None and not is_id("job", before):
            raise CursorInvalid()
        ids = iter(await self._descending(group, before))
        found: list[str] = []
        for _ in range(MAX_CANDIDATES // SCAN_BUDGET):
            portion = list(islice(ids, SCAN_BUDGET))
            if not portion:
                before = None
                break
            chosen, looked = await self._queries.pick(filter, portion, limit + 1 - len(found))
            found += chosen
            if len(found) > limit:
                break
            before = portion[looked - 1]
        jobs = await self._queries.previews(found[:limit], pause)
        if len(jobs) < len(found):
            before = found[len(jobs) - 1]
        kept = [job for job in jobs if job is not None and filter.matches(job)]
        return Page(kept, None if before is None else encode_cursor(before))

    async def below(self, group: Group, before: str | None, limit: int) -> list[str]:
        """Ids of its present and deleted jobs, newest first."""
        return list(islice(await self._descending(group, before), limit))

    async def _descending(self, group: Group, before: str | None) -> Iterable[str]:
        if isinstance(group, FanOut):
            return _items(group, before)
        ids = sorted((await self._groups.flow_jobs(group.id)).values(), reverse=True)
        return [id for id in ids if before is None or id < before]


def _items(fan_out: FanOut, before: str | None) -> Iterator[str]:
    last = fan_out.highest
    if before is not None:
        last = min(last, member_number(fan_out.id, before) - FIRST_ITEM - 1)
    for index in range(last, -1, -1):
        yield item_id(fan_out.id, index)
