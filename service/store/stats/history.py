"""Reads the history of queues and job types."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.stats import MINUTE_MS, Kind, Mark, Tally, Window, series_name
from service.store.codec.history.stats import MINUTES, decode_hour, decode_mark, decode_tally, split_tallies
from service.store.queries import Queries
from service.store.redis.key_groups import stats_keys
from service.store.redis.scripts import Scripts
from service.store.stats.recorder import FIVE, FIVES_MINUTES

#: Minutes whose names are not packed yet: at least so many of the last ones.
RECENT = MINUTES


@dataclass(frozen=True, slots=True)
class Series:
    """One tally per step; None is a gap, in which no process recorded anything."""

    steps: Sequence[Tally | None]


class _Sums:
    """Adds tallies to the steps of a window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.steps: list[Tally | None] = [None] * window.points

    def add(self, minute: int, tally: Tally | None) -> None:
        """A tally that begins at a minute; None for one in which nothing happened."""
        place = self._window.place(minute)
        if place is None:
            return
        total = self.steps[place]
        if total is None:
            total = self.steps[place] = Tally()
        if tally is not None:
            total.add(tally)


class History:
    """The last day of one namespace; every method raises BackendUnavailable."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._prefix = scripts.prefix
        self._queries = queries

    async def series(self, kind: Kind | None, name: str | None, window: Window) -> Series:
        """The history of a queue or a job type, or of the whole namespace."""
        wanted = series_name(kind, name)
        sums = _Sums(window)
        hours = range(window.first // MINUTES, -(-window.after // MINUTES))

        def ask(pipe: Any) -> None:
            # The minutes first: they are deleted when their hour is complete.
            for hour in hours:
                pipe.hgetall(stats_keys.minutes(self._prefix, hour=str(hour)))
            for hour in hours:
                pipe.hmget(stats_keys.hour(self._prefix, hour=str(hour)), "=", wanted)

        found = await self._queries.pipeline(ask)
        for hour, minutes, (present, packed) in zip(
            hours, found[: len(hours)], found[len(hours) :], strict=True
        ):
            await asyncio.sleep(0)
            if present is not None:
                tallies = decode_hour(packed) if packed else [None] * MINUTES
                for offset, exists in enumerate(present):
                    if exists:
                        sums.add(hour * MINUTES + offset, tallies[offset])
                continue
            for minute, text in sorted(minutes.items()):
                row = split_tallies(text).get(wanted)
                sums.add(int(minute), None if row is None else decode_tally(row))
        return Series(sums.steps)

    async def all_series(self, kind: Kind, window: Window) -> Mapping[str, Series]:
        """The history of every queue, or every job type, that was active; steps as `comparable` allows."""
        if window.step == MINUTES:
            texts = await self._hours(kind, window)
        elif window.step == FIVE:
            texts = await self._texts(window, lambda _: stats_keys.fives(self._prefix))
        else:
            texts = await self._texts(window, self._minutes_key)
        found: dict[str, _Sums] = {}
        recorded = _Sums(window)
        for first, text in texts:
            await asyncio.sleep(0)  # The names of one text take a few milliseconds.
            recorded.add(first, None)
            for name, row in split_tallies(text).items():
                if name.startswith(f"{kind[0]}|"):
                    sums = found.setdefault(name, _Sums(window))
                    sums.add(first, decode_tally(row))
        for sums in found.values():
            # Without activity of this name, but with others'.
            for place, step in enumerate(recorded.steps):
                if step is not None and sums.steps[place] is None:
                    sums.steps[place] = Tally()
        return {name[2:]: Series(sums.steps) for name, sums in found.items()}

    async def _texts(self, window: Window, key: Callable[[int], str]) -> list[tuple[int, bytes]]:
        """The packed tallies of all names, with their minutes."""
        minutes = range(window.first, window.after, window.step)
        found = await self._queries.pipeline(
            lambda pipe: [pipe.hget(key(minute), str(minute)) for minute in minutes]
        )
        return [(minute, text) for minute, text in zip(minutes, found, strict=True) if text is not None]

    async def _hours(self, kind: Kind, window: Window) -> list[tuple[int, bytes]]:
        hours = range(window.first // MINUTES, window.after // MINUTES)

        def ask(pipe: Any) -> None:
            for hour in hours:
                # Until an hour is packed, its fives have all that it needs.
                pipe.hmget(
                    stats_keys.fives(self._prefix),
                    *map(str, range(hour * MINUTES, (hour + 1) * MINUTES, FIVE)),
                )
            for hour in hours:
                pipe.hmget(stats_keys.hour(self._prefix, hour=str(hour)), "=", f"+{kind}")
            # The minutes since the last five.
            for hour in hours:
                pipe.hgetall(stats_keys.minutes(self._prefix, hour=str(hour)))

        found = await self._queries.pipeline(ask)
        count = len(hours)
        texts: list[tuple[int, bytes]] = []
        for place, hour in enumerate(hours):
            first = hour * MINUTES
            fives, (complete, packed), minutes = (found[place + count * part] for part in range(3))
            if complete is not None:
                texts.append((first, packed))
                continue
            covered = {first + FIVE * index for index, five in enumerate(fives) if five is not None}
            texts += [(first + FIVE * index, five) for index, five in enumerate(fives) if five is not None]
            texts += [
                (int(minute), text)
                for minute, text in minutes.items()
                if int(minute) // FIVE * FIVE not in covered
            ]
        return texts

    def _minutes_key(self, minute: int) -> str:
        return stats_keys.minutes(self._prefix, hour=str(minute // MINUTES))

    async def marks(self, window: Window) -> Sequence[Mark]:
        """Oldest first."""
        least, most = window.first * MINUTE_MS, window.after * MINUTE_MS
        rows = (
            await self._queries.pipeline(
                lambda pipe: pipe.zrangebyscore(stats_keys.marks(self._prefix), least, f"({most}")
            )
        )[0]
        return [decode_mark(text) for text in rows]


def comparable(window: Window, now: int) -> int:
    """The shortest step, in minutes, in which all names are kept for a window, given the current minute."""
    length, age = window.after - window.first, now - window.first
    if length <= 30 and age <= RECENT:
        return 1
    return FIVE if length <= 150 and age <= FIVES_MINUTES - FIVE else MINUTES
