"""Compares counters with the jobs that they count, exactly, although jobs keep changing.

A counter is wrong by a difference that stays the same whatever happens, because every change of a job also
changes its counters. So it is enough to know the difference at one moment. Meanwhile, Redis notes which
records change (lib/changed_records.lua): they are read again until few are left, and those few are read
together with the counters.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.audit import TurnLost
from service.domain.errors import StoreFault
from service.domain.states import FINISHED, State
from service.store.audit.key_walk import KeyWalk
from service.store.codec.audits.counters import decode_counted, decode_values, split_counters
from service.store.redis.scripts import Scripts

#: Records whose counts a process remembers; the counters of a larger namespace are not verified.
MOST_RECORDS = 200_000
#: Records that one call reads, and counters.
PORTION, MOST_COUNTERS = 50, 200
#: How long Redis notes changes for a process that has stopped, in seconds; and the name of the watch.
WATCH_SECONDS, AUDIT = 120, "|audit"
#: Groups whose counts one call reads.
MOST_GROUPS = 16
#: How often the moment may be missed because too much changes.
TRIES = 50
#: A key has the wrong type, or a value in it is not a number or not text.
UNREADABLE = (StoreFault, ValueError)
#: Hashes of counters, by their word in lib/counted_jobs.lua.
HASHES = {"busy": "busy", "dead": "dead", "limit": "limit_key_jobs"}
QUOTAS = ("used_jobs", "used_bytes")
_STATES = tuple(state.value for state in State)
_LIVE = tuple(state.value for state in State if state not in FINISHED)
#: The fields of a group that its counts must agree with, and those that say whether they can be compared.
_COUNTS = (*_STATES, "requested")
_GROUP = (*_COUNTS, "total", "staged", "admitted")


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter that is wrong, and what to add to it; None if that is not certain."""

    counter: str
    stored: int
    change: int | None


class Recount:
    """One count of all records."""

    def __init__(self, scripts: Scripts, holder: str, walk: KeyWalk) -> None:
        """`holder`: of the turn."""
        self._scripts = scripts
        self._holder = holder
        self._walk = walk
        #: The counters of each record, as one text, and its bytes.
        self._rows: dict[str, tuple[str, int]] = {}
        self._texts: dict[str, str] = {}
        #: What the counters should be.
        self._sums = Counter[str]()
        #: Counters of records that were read again since `drifts` began to look at what is stored.
        self._changed: set[str] = set()
        self._groups: set[str] = set()
        self._payloads: dict[str, int] = {}
        self._watched_at = -math.inf
        #: Keys whose counters cannot be read, and why.
        self.unreadable: dict[str, Exception] = {}
        #: False for a namespace with too many records.
        self.possible = True

    def add(self, flat: Sequence[Any]) -> None:
        """Rows of lib/counted_jobs.lua; a record that was read before has changed since."""
        for id, names, size in decode_counted(flat):
            if (before := self._rows.pop(id, None)) is not None:
                self._count(*before, -1)
            if names is not None and self.possible:
                row = self._texts.setdefault(names, names), size
                self._rows[id] = row
                self._count(*row, 1)
        if len(self._rows) > MOST_RECORDS:
            self.possible = False
            self._rows.clear()

    def _count(self, names: str, size: int, by: int) -> None:
        self._sums["quota used_bytes"] += by * size
        counters = split_counters(names)
        for name in counters:
            self._sums[name] += by
        self._changed.update(counters)

    def note_key(self, key: str) -> None:
        """A key with counters, for which perhaps no record counts."""
        kind, _, name = key.partition(":")
        if kind == "group" and ":" not in name:
            self._groups.add(name)
        elif kind == "payload":
            self._payloads.setdefault(name, 0)

    @property
    def groups(self) -> list[str]:
        """The flows and fan-outs among the keys: they have bytes."""
        return list(self._groups)

    async def read(self, ids: Sequence[str]) -> None:
        """Read records, whether they have changed or not."""
        for start in range(0, len(ids), PORTION):
            await self._changes(0, ids[start : start + PORTION])

    async def watch(self) -> None:
        """Let Redis note changes; call it again within WATCH_SECONDS, and between portions of jobs."""
        await self._renew()
        if self.possible:
            try:
                await self._changes(PORTION, ())
            except UNREADABLE:
                self.possible = False
        elif self._watched_at > 0:
            await self._changes(-1, ())
            self._watched_at = -math.inf

    async def _renew(self) -> None:
        now = time.monotonic()
        if now - self._watched_at > WATCH_SECONDS and self._watched_at > 0:
            self.possible = False  # changes since the end of the watch are not known
        elif self.possible and now - self._watched_at > WATCH_SECONDS / 4:
            await self._scripts.run("renew_watches", [WATCH_SECONDS, AUDIT])
            self._watched_at = now

    async def _pause(self) -> None:
        await self._walk.pause()
        await self._renew()

    async def follow(self) -> None:
        """Read what has changed, until little is left."""
        await self._renew()
        changed = PORTION
        while changed >= PORTION and self.possible:
            changed = await self._changes(PORTION, ())

    async def _changes(self, most: int, ids: Sequence[str]) -> int:
        """Read changed records, and others; returns how many have changed. Raises TurnLost."""
        reply = await self._scripts.run("audit_changes", [self._holder, most, *ids])
        if not reply:
            raise TurnLost()
        self.add(reply[1])
        return int(reply[0])

    async def drifts(self) -> list[Drift] | None:
        """The counters that are wrong; None if it cannot be known."""
        await self.follow()
        self._changed.clear()
        counters, groups = await self._suspects(), await self._suspected_groups()
        # A wrong counter that is read a moment after its records can agree with them by chance if they change
        # meanwhile. So every counter of a record that did is a suspect too.
        await self.follow()
        for name in self._changed:
            word, rest = _split(name)
            if word == "group":
                groups.add(rest.partition(" ")[0])
            elif word != "quota":
                counters.add(name)
        # The counts of a group are compared together.
        counts = [f"group {id} {field}" for id in groups for field in _GROUP]
        if self.unreadable:
            return None
        found: list[Drift] = []
        for suspects, portion in ((list(counters), MOST_COUNTERS), (counts, MOST_GROUPS * len(_GROUP))):
            for start in range(0, len(suspects), portion):
                some = await self._compare(suspects[start : start + portion])
                if some is None:
                    return None
                found += some
        return found if self.possible else None

    async def _suspects(self) -> set[str]:
        """Counters that differ as far as one can see in more than one moment, except the counts of groups."""
        stored: dict[str, int] = {}
        await self._read_sizes()
        for word, key in HASHES.items():
            try:
                async for names in self._walk.members(key):
                    values = await self._walk.numbers(key, names)
                    stored |= {f"{word} {name}": value for name, value in values.items()}
            except UNREADABLE as error:
                self.unreadable[key] = error
        names = {*stored, *(name for name in self._sums if _split(name)[0] in HASHES)}
        found = {name for name in names if stored.get(name, 0) != self._sums[name]}
        for id in {*self._payloads, *(_split(name)[1] for name in self._sums if name.startswith("payload "))}:
            await self._pause()
            found_here = await self._numbers(f"payload:{id}", ["jobs"])
            if found_here.get("jobs", 0) != self._sums[f"payload {id}"]:
                found.add(f"payload {id}")
        # All jobs count for these two, so looking first would save nothing.
        return found | {f"quota {name}" for name in await self._numbers("quotas", QUOTAS)}

    async def _numbers(self, key: str, names: Sequence[str]) -> dict[str, int]:
        try:
            return await self._walk.numbers(key, names)
        except UNREADABLE as error:
            self.unreadable[key] = error
            return {}

    async def _suspected_groups(self) -> set[str]:
        found: set[str] = set()
        for id in list(self._groups):
            await self._pause()
            group = await self._numbers(f"group:{id}", _GROUP)
            if "total" in group and self._drifts_of(id, group):
                found.add(id)
        return found

    async def _compare(self, counters: Sequence[str]) -> list[Drift] | None:
        """Compare these counters with the records, all at the same moment."""
        for _ in range(TRIES):
            await self.follow()
            reply = await self._scripts.run("audit_counters", [PORTION, *counters, "task remove"])
            if reply:
                break
        else:
            return None
        # The changes stay in the set, so that they are read again: reading a record twice does no harm.
        self.add(reply[0])
        sized = await self._read_sizes()
        stored = decode_values([*counters, "task remove"], reply[1])
        groups: dict[str, dict[str, int]] = {}
        found: list[Drift] = []
        for name in counters:
            word, rest = _split(name)
            if word == "group":
                id, field = rest.split(" ")
                groups.setdefault(id, {}).update({field: stored[name]} if name in stored else {})
                continue
            if name == "quota used_bytes" and ("task remove" in stored or not sized):
                continue  # A group that is being removed has bytes, but nothing names it.
            change = self._expected(name) - stored.get(name, 0)
            if change and not (word in ("payload", "quota") and name not in stored):
                found.append(Drift(name, stored.get(name, 0), change))
        for id, group in groups.items():
            found += self._drifts_of(id, group) if "total" in group else []
        return found

    async def _read_sizes(self) -> bool:
        """Read the sizes of common payloads in use, which never change; False if one is gone already."""
        used = [
            _split(name)[1] for name, count in self._sums.items() if count and name.startswith("payload ")
        ]
        for id in used:
            if not self._payloads.get(id):
                self._payloads[id] = await self._walk.length(f"payload:{id}", "json")
        return all(self._payloads[id] for id in used)

    def _expected(self, counter: str) -> int:
        if counter != "quota used_bytes":
            return self._sums[counter]
        used = (size for id, size in self._payloads.items() if self._sums[f"payload {id}"] > 0)
        return self._sums[counter] + sum(used)

    def _drifts_of(self, id: str, group: Mapping[str, int]) -> list[Drift]:
        """The wrong counts of a group; its counts include finished jobs that were deleted."""
        there = {field: self._sums[f"group {id} {field}"] for field in _COUNTS}
        total = group["total"] - group.get("staged", 0) + group.get("admitted", 0)
        complete = sum(there[state] for state in _STATES) == total
        exact = _STATES if complete else _LIVE
        wrong = {state: there[state] - group.get(state, 0) for state in exact}
        if there["requested"] > group.get("requested", 0):
            wrong["requested"] = there["requested"] - group.get("requested", 0)
        drifts = [
            Drift(f"group {id} {field}", group.get(field, 0), change)
            for field, change in wrong.items()
            if change
        ]
        if complete:
            return drifts
        kept = sum(group.get(state, 0) for state in _STATES) + sum(wrong.get(state, 0) for state in _LIVE)
        too_low = any(group.get(state, 0) < there[state] for state in FINISHED)
        if kept != total or too_low:
            drifts.append(Drift(f"group {id} total", group["total"], None))
        return drifts


def _split(counter: str) -> tuple[str, str]:
    word, _, name = counter.partition(" ")
    return word, name
