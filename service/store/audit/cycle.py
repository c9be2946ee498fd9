"""One cycle of an audit: every key of the namespace is compared with the jobs and records that it describes.

Each comparison is one script call, so what it finds cannot be a change in progress, and it repairs what has
only one right form before anything else can happen.
"""

import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from service.domain.audit import Finding, Findings
from service.domain.errors import StoreFault
from service.store.audit.key_walk import KeyWalk
from service.store.audit.kinds import ENTRIES, LISTS, NAMED, OF_QUEUE, RECORDS
from service.store.audit.recount import UNREADABLE, Drift, Recount
from service.store.codec.audits.reports import decode_findings
from service.store.queries import Pause
from service.store.redis.scripts import Argument, Scripts

#: Jobs, entries, and other names, that one call checks: a job takes Redis some 50 us, an entry less.
JOBS, SOME, NAMES = 25, 50, 100
#: The same for kinds that have many entries each, by kind.
PORTIONS = {"job": JOBS, "queue": 5, "line": 5, "target": 5}
#: Counters that one call corrects.
CORRECTED = 200

#: Checked after all jobs: a job that has lost its unique key gets it back before the key is given away.
LAST = ("follower", "unique")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an audit needs to add entries again, in ms: as leases.py and jobs.py use them."""

    lease_ms: int = 60_000
    dead_retention_ms: int = 0
    cancel_grace_ms: int = 30_000
    #: Otherwise it only reports.
    repair: bool = True


class Cycle:
    """`pause` is awaited between calls, and raises if the cycle must not continue."""

    def __init__(self, scripts: Scripts, holder: str, terms: Terms, pause: Pause) -> None:
        self._scripts = scripts
        self._holder = holder
        self._terms = terms
        self._pause = pause
        self._repair = int(terms.repair)
        self._names: dict[str, list[str]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._checked: set[str] = set()
        self.walk = KeyWalk(scripts, (*LISTS, *ENTRIES, "counters"), pause)
        self.findings = Findings()
        self.jobs = self.entries = 0
        #: Whether the counters were compared.
        self.counted = False

    async def run(self) -> None:
        recount = Recount(self._scripts, self._holder, self.walk)
        await recount.watch()
        async for key in self.walk.keys():
            recount.note_key(key)
            try:
                await self._inspect(key, recount)
            except UNREADABLE as error:
                self._note_unreadable(key, error)
        for kind in sorted(self._names, key=lambda kind: kind in LAST):
            await self._flush(kind, recount)
        # A group of the wrong type is a finding already.
        with contextlib.suppress(*UNREADABLE):
            await recount.read(recount.groups)
            await self._settle(recount)
        for key, error in recount.unreadable.items():
            self.counted = False
            self._note_unreadable(key, error)

    def _note_unreadable(self, key: str, error: Exception) -> None:
        detail = "it has the wrong type" if isinstance(error, StoreFault) else "a part of it cannot be read"
        self.findings.add([Finding("unreadable_record", "reported", key, "", detail)])

    async def _inspect(self, key: str, recount: Recount) -> None:
        kind, _, name = key.partition(":")
        if key in LISTS:
            await self._list(key, LISTS[key], recount)
        elif key == "counters":
            await self._take("outbox", [key], recount)
        elif key in ENTRIES or kind == "tag" or (kind == "dead_group" and name.endswith(":jobs")):
            await self._check_entries(key, recount)
        elif kind == "job":
            await self._take("part" if ":" in name else "job", [name], recount)
        elif kind == "queue":
            await self._inspect_queue(key, name, recount)
        elif kind == "outbox":
            await self._take("target", [name.removesuffix(":waiting").removesuffix(":failing")], recount)
        elif kind == "idempotency":
            await self._take("expiry", [key], recount)
        elif kind in NAMED:
            await self._take(NAMED[kind], [name], recount)
            if kind == "closed_lanes":
                await self._list(key, "lane", recount)
        elif kind == "webhook" and name.endswith(":pending"):
            async for number in self.walk.scores(key):
                await self._take("delivery", [f"{name.removesuffix(':pending')} {number}"], recount)
        elif kind in RECORDS and ":" not in name:
            await self._take(RECORDS[kind], [name], recount)
        elif kind == "group" and name.startswith("flow_") and not self.walk.all_keys:
            async for ids in self.walk.values(key):
                await self._take("job", ids, recount)

    async def _inspect_queue(self, key: str, name: str, recount: Recount) -> None:
        queue, bar, suffix = name.partition("|")
        index, _, rest = suffix.partition(":")
        await self._take("queue", [queue], recount)
        if not bar:
            return
        if suffix in OF_QUEUE:
            await self._check_entries(key, recount)
        elif index == "lane" and "|" in rest:
            await self._check_entries(key, recount)
            await self._take("lane", [f"{queue}|{rest}"], recount)
        elif suffix == "types":
            async for names in self.walk.members(key):
                await self._take("lane", [f"{queue}|{name}|" for name in names], recount)
        elif index == "lanes":
            async for names in self.walk.members(key):
                await self._take("lane", [f"{queue}|{rest}|{name}" for name in names], recount)

    async def _list(self, key: str, kind: str, recount: Recount) -> None:
        async for names in self.walk.members(key):
            # `queue|` stands for the lanes of a queue without a key.
            await self._take(kind, [name for name in names if kind != "lane" or name.count("|") > 1], recount)

    async def _take(self, kind: str, names: Sequence[str], recount: Recount) -> None:
        """Check these names with others of their kind."""
        waiting = self._names[kind]
        if kind == "job" and not self.walk.all_keys:
            # Indexes name a job several times.
            names = [name for name in names if name not in self._checked]
            self._checked.update(names)
        waiting += names
        if kind not in LAST and len(waiting) >= PORTIONS.get(kind, NAMES):
            await self._flush(kind, recount)

    async def _flush(self, kind: str, recount: Recount) -> None:
        names = list(dict.fromkeys(self._names.pop(kind, ())))
        portion = PORTIONS.get(kind, NAMES)
        for start in range(0, len(names), portion):
            some = names[start : start + portion]
            if kind == "job":
                await self._check(partial(self._check_jobs, recount), some, "job:")
                await recount.watch()
            else:
                self.entries += len(some)
                await self._check(partial(self._check_records, kind), some, f"{kind} ")
            await self._pause()

    async def _check(
        self, check: Callable[[Sequence[str]], Awaitable[None]], names: Sequence[str], what: str
    ) -> None:
        """Check these names; one for which a script fails does not stop the others."""
        try:
            await check(names)
        except UNREADABLE as error:
            if len(names) == 1:
                return self._note_unreadable(f"{what}{names[0]}", error)
            middle = len(names) // 2
            for half in (names[:middle], names[middle:]):
                await self._check(check, half, what)

    async def _check_jobs(self, recount: Recount, ids: Sequence[str]) -> None:
        terms = self._terms
        given: list[Argument] = [terms.lease_ms, terms.dead_retention_ms, terms.cancel_grace_ms]
        while ids:
            arguments = [self._repair, *given, int(recount.possible), *ids]
            findings, counts, checked = await self._scripts.run("audit_jobs", arguments)
            self._note(findings)
            recount.add(counts)
            self.jobs += checked
            ids = ids[checked:]

    async def _check_records(self, kind: str, names: Sequence[str]) -> None:
        self._note(await self._scripts.run("audit_records", [self._repair, kind, *names]))

    async def _check_entries_of(self, key: str, ids: Sequence[str]) -> None:
        self._note(await self._scripts.run("audit_entries", [self._repair, key, *ids]))

    async def _check_entries(self, key: str, recount: Recount) -> None:
        async for ids in self.walk.members(key):
            for start in range(0, len(ids), SOME):
                some = ids[start : start + SOME]
                self.entries += len(some)
                await self._check(partial(self._check_entries_of, key), some, f"{key} ")
                await self._pause()
            if not self.walk.all_keys:
                await self._take("job", ids, recount)

    def _note(self, rows: Sequence[Sequence[bytes]]) -> None:
        self.findings.add(decode_findings(rows))

    async def _settle(self, recount: Recount) -> None:
        """Correct wrong counters, if a second count agrees: a failover may have undone what one saw."""
        # What an unreadable record counts for is not known.
        readable = not self.findings.has("unreadable_record")
        drifts = await recount.drifts() if recount.possible and readable else None
        self.counted = drifts is not None
        if not drifts:
            return
        again = Recount(self._scripts, self._holder, self.walk)
        async for ids in self._all_jobs(again):
            await again.read(ids)
            await again.watch()
            await self._pause()
        await again.read(again.groups)
        found = await again.drifts()
        self.counted = found is not None
        changes = {drift.counter: drift.change for drift in drifts}
        agreed = [drift for drift in found or () if changes.get(drift.counter, 0) == drift.change]
        self.findings.add(await self._correct(agreed))
        if agreed and self._repair:
            # A counter that was too low may have stopped at 0 before its correction: then that was too large.
            corrected = {drift.counter for drift in agreed}
            late = await again.drifts()
            await self._correct([drift for drift in late or () if drift.counter in corrected])

    async def _all_jobs(self, recount: Recount) -> AsyncIterator[list[str]]:
        ids: list[str] = []
        async for key in self.walk.keys():
            recount.note_key(key)
            kind, _, name = key.partition(":")
            if kind == "job" and ":" not in name:
                ids.append(name)
            if len(ids) >= JOBS:
                yield ids
                ids = []
        if not self.walk.all_keys:
            ids = list(self._checked)
        for start in range(0, len(ids), JOBS):
            yield ids[start : start + JOBS]

    async def _correct(self, drifts: Sequence[Drift]) -> list[Finding]:
        uncounted = await self.walk.numbers("quotas", ["uncounted"])
        changes: list[Argument] = []
        found: list[Finding] = []
        for drift in drifts:
            if drift.change is not None:
                changes += [drift.counter, drift.change]
            # Quotas that are new do not know what was there before.
            if not (uncounted and drift.counter.startswith(("quota ", "limit "))):
                found.append(self._finding(drift))
        for start in range(0, len(changes) if self._repair else 0, 2 * CORRECTED):
            some = changes[start : start + 2 * CORRECTED]
            arguments = [self._holder, f"{self._holder} {next(self._numbers)}", *some]
            await self._scripts.run("audit_adjust", arguments)
        return found

    def _finding(self, drift: Drift) -> Finding:
        word, _, name = drift.counter.partition(" ")
        id, _, field = name.partition(" ")
        key = {
            "limit": "limit_key_jobs",
            "quota": "quotas",
            "group": f"group:{id}",
            "payload": f"payload:{id}",
        }
        shown = field if word == "group" else "jobs" if word == "payload" else name
        right = "unknown" if drift.change is None else drift.stored + drift.change
        return Finding(
            "wrong_count",
            "reported" if drift.change is None else "repaired" if self._repair else "repairable",
            key.get(word, word),
            id if word in ("group", "payload") else "",
            f"{shown}: {drift.stored} instead of {right}",
        )
