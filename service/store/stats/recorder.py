"""Stores the history minute by minute, in whichever process comes first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from service.domain.stats import (
    COUNTED,
    HOURS,
    MAX_QUEUES,
    MAX_TYPES,
    OTHER,
    WHOLE,
    Kind,
    Tally,
    series_name,
)
from service.store.codec.fields import scored, texts
from service.store.codec.history.stats import (
    MINUTES,
    decode_tally,
    encode_hour,
    encode_tallies,
    read_counts,
    split_tallies,
)
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.key_groups import stats_keys
from service.store.redis.scripts import Argument, Scripts

#: How long after it has passed a minute is stored: workers report every few seconds.
DUE_MS = 15_000
#: Another process stores the minute after this time.
TURN_MS = 20_000
#: Minutes that a process makes up for: their counts are kept for a quarter of an hour.
MISSED = 10
#: Queues per script call: a script blocks all other calls.
BATCH = 100
#: Names per write.
_CHUNK = 50
FIVE = 5
FIVES_MINUTES = 180
_MINUTES_KEPT = 4 * 3600
_LIMITS: Mapping[Kind, int] = {"queue": MAX_QUEUES, "type": MAX_TYPES}
_SUCCEEDED, _DEAD, _CANCELLED = (COUNTED.index(name) for name in ("succeeded", "dead", "cancelled"))


class Recorder:
    """Stores each minute some seconds after it has passed, and packs hours. Any process can continue."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._queries = queries
        self._prefix = scripts.prefix
        #: The depths of queues, as `quiet_minutes.lua` writes them, and a packed minute with them in which
        #: nothing was counted: the next minute, as long as nothing happens.
        self._quiet = "", encode_tallies({WHOLE: Tally()})

    async def add(self, worker_id: str, number: int, counts: Mapping[str, int]) -> int:
        """Add a worker's counts to the current minute, once per `number`; returns the time, unix ms."""
        flat: list[Argument] = [value for pair in counts.items() for value in pair]
        return int(await self._scripts.run("add_stats", [worker_id, number, *flat]))

    async def work(self) -> float:
        """Store what is due; returns the seconds until the next call makes sense."""
        arguments: list[Argument] = [DUE_MS, TURN_MS, MISSED, *self._quiet, BATCH]
        minute, due, wait_ms = await self._scripts.run("next_stats_minute", arguments)
        if minute >= 0:
            for each in range(minute, due + 1):
                await self._store(each, sampled=each == due)
            await self._pack_hours(due // MINUTES)
            await self._write(lambda pipe: pipe.unlink(stats_keys.turn(self._prefix)))
        return max(0.1, wait_ms / 1000)

    async def _store(self, minute: int, *, sampled: bool) -> None:
        """A minute that no process sampled has only what was counted, and is a gap without that."""
        tallies = read_counts(
            (await self._queries.pipeline(lambda pipe: pipe.hgetall(self._minute_key(minute))))[0]
        )
        depths = await self._sample(minute, tallies) if sampled else {}
        kept = await self._fold(minute, tallies)
        if kept or sampled:
            kept[WHOLE] = _whole(kept)
        if sampled and all(series_name("queue", queue) in kept for queue in depths):
            quiet = {series_name("queue", queue): Tally(depth=depth) for queue, depth in depths.items()}
            lines = (f"{queue} {' '.join(map(str, depth))}" for queue, depth in depths.items())
            self._quiet = "\n".join(lines), encode_tallies({**quiet, WHOLE: _whole(quiet)})
        hour_key = stats_keys.minutes(self._prefix, hour=str(minute // MINUTES))

        def ask(pipe: Any) -> None:
            if kept:
                # Another process may have stored it already: what it counted is no longer there.
                pipe.hsetnx(hour_key, str(minute), encode_tallies(kept))
                pipe.expire(hour_key, _MINUTES_KEPT)
            pipe.unlink(self._minute_key(minute))
            pipe.set(stats_keys.stored(self._prefix), minute)

        await self._write(ask)
        if (minute + 1) % FIVE == 0:
            await self.store_five(minute + 1 - FIVE)

    async def _sample(self, minute: int, tallies: dict[str, Tally]) -> dict[str, Sequence[int]]:
        """Add the depths of queues, and the successes that a worker did not report before it was killed.

        Returns the depths of the queues that have jobs.
        """
        depths: dict[str, Sequence[int]] = {}
        queues = texts(
            (await self._queries.pipeline(lambda p: p.zrange(keys.queues(self._prefix), 0, -1)))[0]
        )
        for start in range(0, len(queues), BATCH):
            portion = queues[start : start + BATCH]
            numbers: list[int] = await self._scripts.run("sample_queues", [minute, *portion])
            for place, queue in enumerate(portion):
                *depth, finished = numbers[5 * place : 5 * place + 5]
                if any(depth):
                    depths[queue] = depth
                elif not finished:
                    continue
                tally = tallies.setdefault(series_name("queue", queue), Tally())
                tally.depth = depth
                counts = tally.counts
                counts[_SUCCEEDED] = max(counts[_SUCCEEDED], finished - counts[_DEAD] - counts[_CANCELLED])
        return depths

    async def _fold(self, minute: int, tallies: Mapping[str, Tally]) -> dict[str, Tally]:
        """Give the names beyond the limits to OTHER."""
        names_key = stats_keys.names(self._prefix)

        def ask(pipe: Any) -> None:
            pipe.zremrangebyscore(names_key, "-inf", minute - HOURS * 60)
            pipe.zrange(names_key, 0, -1, withscores=True)

        known = {name for name, _ in scored((await self._queries.pipeline(ask))[1])}
        used = {kind: sum(name.startswith(kind[0]) for name in known) for kind in _LIMITS}
        active: dict[str, int] = {}
        kept: dict[str, Tally] = {}
        # The busiest first, so that they get the free places.
        for name, tally in sorted(tallies.items(), key=lambda row: sum(row[1].counts), reverse=True):
            kind: Kind = "queue" if name[0] == "q" else "type"
            if name not in known and used[kind] >= _LIMITS[kind]:
                other = series_name(kind, OTHER)
                kept[other] = Tally.sum([kept[other], tally] if other in kept else [tally])
                continue
            used[kind] += name not in known
            kept[name] = Tally.sum([kept[name], tally]) if name in kept else tally
            if name not in known or any(tally.counts):
                active[name] = minute
        if active:
            await self._write(lambda pipe: pipe.zadd(names_key, active))
        return kept

    async def store_five(self, first: int) -> None:
        """Store the sum of five minutes, for readers that compare all names."""
        minutes = await self._minutes(range(first, first + FIVE))
        if not any(minutes):
            return
        five = {name: _total(minute.get(name) for minute in minutes) for name in _names(minutes)}
        key = stats_keys.fives(self._prefix)
        kept = first - FIVES_MINUTES
        old = [field for field in await self._fields(key) if int(field) <= kept]

        def ask(pipe: Any) -> None:
            pipe.hset(key, str(first), encode_tallies(five))
            pipe.expire(key, FIVES_MINUTES * 60)
            if old:
                pipe.hdel(key, *old)

        await self._write(ask)

    async def _pack_hours(self, now: int) -> None:
        """Pack the hours before the last one by name; if this process is lost, another one does it."""
        hours = [now - back for back in range(2, 5)]
        stored = await self._queries.pipeline(
            lambda pipe: [pipe.exists(stats_keys.minutes(self._prefix, hour=str(hour))) for hour in hours]
        )
        for hour, exists in zip(hours, stored, strict=True):
            if exists:
                await self.pack_hour(hour)

    async def pack_hour(self, hour: int) -> None:
        """Store an hour by name, and delete its minutes."""
        minutes = await self._minutes(range(hour * MINUTES, (hour + 1) * MINUTES))
        key = stats_keys.hour(self._prefix, hour=str(hour))
        packed: dict[str, bytes] = {}
        sums: dict[str, dict[str, Tally]] = {"q": {}, "t": {}}
        for name in _names(minutes):
            await asyncio.sleep(0)  # Packing a name takes a millisecond, and a process has other work.
            tallies = [None if (row := minute.get(name)) is None else decode_tally(row) for minute in minutes]
            packed[name] = encode_hour(tallies)
            if name != WHOLE:
                sums[name[0]][name] = _sum_up(tallies)
            if len(packed) == _CHUNK:
                await self._write_hour(key, packed)
                packed = {}
        packed |= {"+queue": encode_tallies(sums["q"]), "+type": encode_tallies(sums["t"])}
        await self._write_hour(key, packed)
        # Last: with it, the hour is complete.
        await self._write_hour(key, {"=": bytes(bool(minute) for minute in minutes)})
        await self._write(lambda p: p.unlink(stats_keys.minutes(self._prefix, hour=str(hour))))

    async def _write_hour(self, key: str, packed: Mapping[str, bytes]) -> None:
        def ask(pipe: Any) -> None:
            pipe.hset(key, mapping=dict(packed))
            pipe.expire(key, (HOURS - 1) * 3600 + 600)

        await self._write(ask)

    async def _minutes(self, wanted: range) -> list[dict[str, bytes]]:
        """The packed tallies of each minute by name; empty for a gap."""
        # They are all in one hour.
        key = stats_keys.minutes(self._prefix, hour=str(wanted.start // MINUTES))
        found = (await self._queries.pipeline(lambda pipe: pipe.hmget(key, list(map(str, wanted)))))[0]
        return [split_tallies(text) for text in found]

    async def _fields(self, key: str) -> list[str]:
        return texts((await self._queries.pipeline(lambda pipe: pipe.hkeys(key)))[0])

    def _minute_key(self, minute: int) -> str:
        return stats_keys.minute(self._prefix, minute=str(minute))

    async def _write(self, ask: Callable[[Any], object]) -> None:
        client: Any = self._scripts.redis
        pipe = client.pipeline(transaction=True)
        ask(pipe)
        try:
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error


def _whole(tallies: Mapping[str, Tally]) -> Tally:
    """The tally of the namespace."""
    return Tally.sum(tally for name, tally in tallies.items() if name.startswith("q|"))


def _names(minutes: Sequence[Mapping[str, bytes]]) -> list[str]:
    return list(dict.fromkeys(name for minute in minutes for name in minute))


def _total(rows: Iterable[bytes | None]) -> Tally:
    return _sum_up(decode_tally(row) for row in rows if row is not None)


def _sum_up(tallies: Iterable[Tally | None]) -> Tally:
    """The tally of one name over all of these times."""
    total = Tally()
    for tally in tallies:
        if tally is not None:
            total.add(tally)
    return total
