"""Finds the ids of jobs that match a filter, in sets that are scored by creation time."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.job_filter import JobFilter
from service.store.codec.fields import texts
from service.store.redis.scripts import Argument, Scripts

#: Candidates that one script call checks; if few of them match, the next call continues from there.
SCAN_BUDGET = 1_000
#: Sets that one script call merges: the first read of each takes Redis some 5 us. It is a multiple of the
#: numbers of states that are searched: with its queue in one call, no job is missed that changes its state.
SETS = 960


@dataclass(frozen=True, slots=True)
class Found:
    """Ids and creation times, newest first, and the position up to which this is complete.

    `last`: there is nothing older.
    """

    places: list[tuple[str, str]]
    last: bool
    at: str
    after: str


async def search(
    scripts: Scripts, filter: JobFilter, sets: Sequence[str], limit: int, at: str, after: str
) -> Found:
    """At most `limit` jobs that are older than the position `at`, `after`."""
    parts = [
        await _search_some(scripts, filter, sets[start : start + SETS], limit, at, after)
        for start in range(0, max(1, len(sets)), SETS)
    ]
    return parts[0] if len(parts) == 1 else merge(parts, limit)


def rounds(sets: Sequence[str], candidates: int) -> int:
    """How often a request may search, to check about so many candidates."""
    return max(1, candidates // SCAN_BUDGET // max(1, -(-len(sets) // SETS)))


def merge(parts: Sequence[Found], limit: int) -> Found:
    """What one search of all of these sets would have found, though perhaps less far."""
    # Beyond the position of a part that is not complete, that part may have more.
    open_parts = [part for part in parts if not part.last]
    end = max(((int(part.at), part.after) for part in open_parts), default=None)
    places = sorted(
        {place for part in parts for place in part.places},
        key=lambda place: (int(place[1]), place[0]),
        reverse=True,
    )
    within = [place for place in places if end is None or (int(place[1]), place[0]) >= end]
    if len(within) > limit or end is None:
        within = within[:limit]
        id, created_at = within[-1] if within else ("", "0")
        return Found(within, end is None and len(places) == len(within), created_at, id)
    return Found(within, False, str(end[0]), end[1])


async def _search_some(
    scripts: Scripts, filter: JobFilter, sets: Sequence[str], limit: int, at: str, after: str
) -> Found:
    how: list[Argument] = [limit, SCAN_BUDGET, at, after, int(filter.indexed)]
    last, *reply = await scripts.run("search_jobs", [*how, *filter_arguments(filter), *sets])
    at, after, *found = texts(reply)
    return Found(list(zip(found[::2], found[1::2], strict=True)), bool(last), at, after)


def filter_arguments(filter: JobFilter) -> list[Argument]:
    """A filter in the format of job_filter.lua."""
    tags = [f"{key}:{value}" for key, value in filter.tags.items()]
    given = (filter.state, filter.queue, filter.name, filter.reason, filter.group_id)
    bounds = ("" if at is None else at for at in (filter.created_after, filter.created_before))
    search = filter.search
    causes = [] if search is None else sorted(search.fingerprints)
    words = ["" if search is None else search.needle, len(causes), *causes]
    return [*(text or "" for text in given), *bounds, len(tags), *tags, *words]
