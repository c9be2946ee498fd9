"""Times as people read them, and lists that refresh."""

import asyncio

import orjson
import pytest

from service.commands.output import listing, times
from service.store.namespace import Namespace
from tests.commands.conftest import Triage
from tests.support.factories import submit

NOW = 1_800_000_000.0
AT = "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0049, "5ms"), (0.25, "250ms"), (2.5, "2.5s"), (42, "42s"), (200, "3m 20s"), (7_500, "2h 5m"),
     (360_000, "4d 4h"), (86_400, "1d"), (59.7, "1m")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert times.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "now"), (45, "45s ago"), (7_500, "2h ago"), (-90, "in 1m")]
)
def test_ages(seconds: float, text: str) -> None:
    assert times.age(AT, NOW + seconds) == text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("90s", "2027-01-15T07:58:30.000Z"),
        ("1.5h", "2027-01-15T06:30:00.000Z"),
        ("7d", "2027-01-08T08:00:00.000Z"),
        ("2027-01-15T09:00:00+01:00", "2027-01-15T08:00:00.000Z"),
    ],
)
def test_times_of_options(given: str, expected: str) -> None:
    assert times.timestamp(given, NOW) == expected


@pytest.mark.parametrize("given", ["", "m", "-5m", "5x", "yesterday", "2027-01-15T09:00:00"])
def test_wrong_times_of_options(given: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # Python's own messages vary
        times.timestamp(given, NOW)


@pytest.mark.parametrize("typed", [None, ""], ids=["pipe", "terminal"])
async def test_a_watched_list_shows_what_changes(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch, typed: str | None
) -> None:
    loop, ids = asyncio.get_running_loop(), [await submit(store)]

    def pause(seconds: float) -> None:
        """Another job arrives before the second refresh; before the third, the user presses Ctrl-C."""
        assert seconds == 0.5
        if len(ids) == 2:
            raise KeyboardInterrupt
        ids.append(asyncio.run_coroutine_threadsafe(submit(store), loop).result(10))

    monkeypatch.setattr(listing, "pause", pause)
    ended = await triage("list", "--watch", "--interval", "0.5", typed=typed, COLUMNS="200")
    assert ended.code == 130
    first, second = (ended.out.count(id) for id in ids)
    # A terminal keeps the last refresh.
    assert (first, second) == (2, 1) if typed is None else first == second + 1


async def test_a_watched_list_is_an_array_per_line_for_programs(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await submit(store)
    seconds = iter([0])

    def pause(_: float) -> None:
        if next(seconds, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(listing, "pause", pause)
    ended = await triage("list", "--watch", "--json")
    assert [[row["id"] for row in orjson.loads(line)] for line in ended.out.splitlines()] == [[id], [id]]
