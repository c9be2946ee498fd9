"""Schedules: their definitions, which of them are due, and firing their slots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson

from service.domain import schedule
from service.domain.errors import TooManyQueues, VersionMismatch
from service.domain.results import Submitted
from service.domain.schedule import Firing, Schedule
from service.domain.states import FINISHED, Reason
from service.store.codec.fields import not_negative, text, texts
from service.store.codec.schedules import decode_due, decode_schedule
from service.store.cursors import decode_cursor, encode_cursor
from service.store.jobs import Idempotency, Jobs, Submission
from service.store.previews import PAGE_BYTES
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts


@dataclass(frozen=True, slots=True)
class Look:
    """Due schedules, and ms until the next one after now; None when none is to come."""

    now: int
    next_in_ms: int | None
    due: list[Schedule]


class Schedules:
    """The schedules of one namespace."""

    def __init__(self, scripts: Scripts, jobs: Jobs, queries: Queries) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._jobs = jobs
        self._queries = queries

    async def get(self, name: str) -> Schedule | None:
        return (await self._read([name]))[0]

    async def list(self, limit: int, cursor: str | None) -> Page[Schedule]:
        """By name."""
        after = f"({decode_cursor(cursor, 1)[0]}" if cursor else "-"
        members = (
            await self._queries.pipeline(
                lambda pipe: pipe.zrangebylex(keys.schedules(self._prefix), after, "+", 0, limit + 1)
            )
        )[0]
        names = texts(members)
        limit = await self._fitting(names[:limit])
        found = [item for item in await self._read(names[:limit]) if item is not None]
        return Page(found, encode_cursor(names[limit - 1]) if len(names) > limit else None)

    async def _fitting(self, names: Sequence[str]) -> int:
        """How many of these fit into a page: their jobs may have large payloads."""
        sizes = await self._queries.pipeline(
            lambda pipe: [
                pipe.hstrlen(keys.schedule(self._prefix, name=name), "definition") for name in names
            ]
        )
        sums = accumulate(sizes)
        return max(1, sum(size <= PAGE_BYTES for size in sums))

    async def read(self, name: str) -> "tuple[Schedule | None, int]":
        """The schedule if there is one, and Redis time."""
        (found,), now = await self._read_at([name])
        return found, now

    async def put(
        self,
        name: str,
        definition: Mapping[str, Any],
        paused: bool,
        before: Schedule | None,
        now: int,
        queue: str = "",
    ) -> None:
        """Create or replace; raises VersionMismatch when it is no longer as `before`.

        Raises TooManyQueues when `queue`, in which its jobs will be, could not be created now.

        What fires next is kept while the times stay the same: a definition that is sent again
        after a time without workers must not lose what was due in it.
        """
        wanted = schedule.timetable(definition, 0)
        kept = before if before and schedule.timetable(before.definition, 0) == wanted else None
        if kept is not None:
            anchor = kept.anchor
        else:
            anchor = schedule.whole_second(now) if wanted.start_ms is None else wanted.start_ms
        slot = None if kept is None or kept.paused else kept.slot
        if slot is None:
            slot = schedule.timetable(definition, anchor).next_after(now)
        fields: list[Argument] = ["definition", orjson.dumps(definition), "anchor", anchor]
        await self._change(name, before, None if paused else slot, paused, fields, queue)

    async def pause(self, found: Schedule) -> None:
        """Nothing fires, and nothing of this time is caught up; raises VersionMismatch."""
        if not found.paused:
            await self._change(found.name, found, None, True, [])

    async def resume(self, found: Schedule) -> None:
        """Fires from the next slot on; raises VersionMismatch."""
        if found.paused:
            slot = found.timetable.next_after(found.now)
            await self._change(found.name, found, slot, False, [])

    async def _change(
        self,
        name: str,
        before: Schedule | None,
        slot: int | None,
        paused: bool,
        fields: Sequence[Argument],
        queue: str = "",
    ) -> None:
        version = 0 if before is None else before.version
        arguments: list[Argument] = [
            name,
            version,
            "" if slot is None else slot,
            queue,
            self._scripts.max_queues,
        ]
        word, _ = await self._scripts.run("put_schedule", [*arguments, "paused", int(paused), *fields])
        word = text(word)
        if word == "too_many_queues":
            raise TooManyQueues()
        if word == "version" and await self._is_not(name, version + 1, slot, paused):
            raise VersionMismatch()

    async def _is_not(self, name: str, version: int, slot: int | None, paused: bool) -> bool:
        """Whether a refused change is not the very same one, whose first reply was lost."""
        found = await self.get(name)
        return found is None or (found.version, found.slot, found.paused) != (version, slot, paused)

    async def delete(self, name: str, version: int | None) -> bool:
        """False when there is none; raises VersionMismatch."""
        word = text(await self._scripts.run("delete_schedule", [name, "" if version is None else version]))
        if word == "version":
            raise VersionMismatch()
        return word == "moved"

    async def look(self, at_most: int) -> Look:
        """What is due."""
        now, next_in, *rows = await self._scripts.run("due_schedules", [at_most])
        return Look(now, not_negative(next_in), [decode_due(row, now) for row in rows if row[1]])

    async def fire(self, found: Schedule, firing: Firing, submissions: Sequence[Submission]) -> bool:
        """Start the jobs of these slots and step to the next; False when the schedule has changed since."""
        text = self._text(found, firing.next_slot, firing.missed, firing.slots)
        return bool(await self._jobs.fire(submissions, text)) or not submissions

    async def run_now(self, found: Schedule, submission: Submission) -> Submitted | None:
        """Start a job beside the slots; None when the schedule has changed since it was read."""
        submitted = await self._jobs.fire([submission], self._text(found, found.slot, None, [None]))
        return submitted[0] if submitted else None

    async def replace_unfinished(
        self, found: Schedule, grace_ms: int, idempotency: Idempotency | None = None
    ) -> None:
        """Cancel the jobs of the last runs that are not over, reason replaced; nothing for a replay."""
        current = await self.get(found.name)
        if current is None or (current.version, current.slot) != (found.version, found.slot):
            return  # Somebody else has fired: what runs now is the new one.
        # Behind the read of the runs: a run among them that this very request began has a record by then.
        if idempotency is not None and await self._jobs.find_replay(idempotency) is not None:
            return
        ids = {run.job_id for run in current.runs if run.job_id}
        if current.last is not None:
            ids.add(current.last[1])
        jobs = await self._queries.jobs(sorted(ids)) if ids else []
        live = [job.id for job in jobs if job is not None and job.state not in FINISHED]
        if live:
            await self._jobs.cancel(live, grace_ms, Reason.REPLACED)

    def _text(
        self, found: Schedule, next_slot: int | None, missed: int | None, slots: Sequence[int | None]
    ) -> str:
        numbers = [_word(slot) for slot in slots]
        words = [found.name, found.version, _word(found.slot), _word(next_slot)]
        return " ".join(str(word) for word in [*words, found.definition["overlap"], _word(missed), *numbers])

    async def _read(self, names: Sequence[str]) -> "list[Schedule | None]":
        return (await self._read_at(names))[0]

    async def _read_at(self, names: Sequence[str]) -> "tuple[list[Schedule | None], int]":
        def ask(pipe: Any) -> None:
            for name in names:
                # The runs first: an unchanged slot then says that they are those before it fires.
                pipe.lrange(keys.runs(self._prefix, name=name), 0, -1)
                pipe.hgetall(keys.schedule(self._prefix, name=name))
            pipe.time()

        *replies, (seconds, micros) = await self._queries.pipeline(ask)
        now = int(self._scripts.now or seconds * 1000 + micros // 1000)
        return [
            decode_schedule(name, fields, now, runs)
            for name, runs, fields in zip(names, replies[::2], replies[1::2], strict=True)
        ], now


def _word(slot: int | None) -> str:
    return "-" if slot is None else str(slot)
