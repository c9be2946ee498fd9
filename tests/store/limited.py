"""Jobs under limits, and the start histories of the workers that run them."""

from typing import Any

from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import OK, claim, finish, submit


def at(ms: int) -> str:
    return str(START + ms)


async def jobs(store: Namespace, count: int, **fields: Any) -> list[str]:
    return [await submit(store, **fields) for _ in range(count)]


async def starts(store: Namespace, times: range, slots: int = 3, ends: bool = True) -> list[int]:
    """The time of each start, with two workers that claim alternately."""
    history: list[int] = []
    for turn, ms in enumerate(times):
        store.scripts.now = at(ms)
        leases = (await claim(store, slots, worker=f"wk_{turn % 2}")).leases
        history += [ms] * len(leases)
        for lease in leases if ends else ():
            await finish(store, lease, OK)
    return history


def assert_rate(history: list[int], limit: int, per: int) -> None:
    for first, last in zip(history, history[limit:], strict=False):
        assert last - first >= per, f"{limit + 1} starts within {last - first} ms"
