"""Searches over more sets than one call merges."""

import pytest

from service.domain.job_filter import JobFilter
from service.store import job_search
from service.store.namespace import Namespace
from tests.support.factories import submit

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", [None, "rare", "none"])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_a_search_in_several_calls_finds_the_same_as_in_one(
    store: Namespace, monkeypatch: pytest.MonkeyPatch, name: str | None, limit: int
) -> None:
    for number in range(24):
        await submit(store, queue=f"queue-{number % 5}", name="rare" if number % 7 == 0 else "work")
    filter = JobFilter(name=name)
    one_call = await _pages(store, filter, limit)
    monkeypatch.setattr(job_search, "SETS", 8)
    monkeypatch.setattr(job_search, "SCAN_BUDGET", 3)
    assert await _pages(store, filter, limit) == one_call
    assert len(one_call) == {None: 24, "rare": 4, "none": 0}[name]


async def test_a_call_merges_a_limited_number_of_sets(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await submit(store, queue=f"queue-{number}")
    monkeypatch.setattr(job_search, "SETS", 8)
    run, sizes = store.scripts.run, list[int]()

    async def counted(name: str, arguments: list[str], now: str = "") -> object:
        if name == "search_jobs":
            sizes.append(sum(str(argument).startswith("queue:") for argument in arguments))
        return await run(name, arguments, now)

    monkeypatch.setattr(store.scripts, "run", counted)
    page = await store.queries.list_jobs(JobFilter(), 10, None)
    assert (len(page.items), sizes) == (5, [8] * 5)


async def _pages(store: Namespace, filter: JobFilter, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await store.queries.list_jobs(filter, limit, cursor)
        found += [job.id for job in page.items]
        if (cursor := page.next_cursor) is None:
            return found
