"""Stores schedules, finds the due ones, and fires them."""

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
class DueSchedules:
    """Due schedules, and ms until the next fire time after now; None without one."""

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
        """How many schedules fit into a page; their jobs may have large payloads."""
        sizes = await self._queries.pipeline(
            lambda pipe: [
                pipe.hstrlen(keys.schedule(self._prefix, name=name), "definition") for name in names
            ]
        )
        sums = accumulate(sizes)
        return max(1, sum(size <= PAGE_BYTES for size in sums))

    async def read(self, name: str) -> "tuple[Schedule | None, int]":
        """The schedule, or None, and the Redis time."""
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
        """Create or replace; raises VersionMismatch when it has changed since `before`.

        Raises TooManyQueues when the `queue` of its jobs could not be created now.

        A definition with the same times keeps the next fire time, so that putting it again after an outage of
        the workers does not lose due fire times.
        """
        wanted = schedule.timetable(definition, 0)
        kept = before if before and schedule.timetable(before.definition, 0) == wanted else None
        if kept is not None:
            anchor = kept.anchor
        else:
            anchor = schedule.whole_second(now) if wanted.start_ms is None else wanted.start_ms
        fire_time = None if kept is None or kept.paused else kept.next_fire_time
        if fire_time is None:
            fire_time = schedule.timetable(definition, anchor).next_after(now)
        fields: list[Argument] = ["definition", orjson.dumps(definition), "anchor", anchor]
        await self._change(name, before, None if paused else fire_time, paused, fields, queue)

    async def pause(self, found: Schedule) -> None:
        """Stop firing; a later resume does not catch up. Raises VersionMismatch."""
        if not found.paused:
            await self._change(found.name, found, None, True, [])

    async def resume(self, found: Schedule) -> None:
        """Continue with the next fire time; raises VersionMismatch."""
        if found.paused:
            fire_time = found.timetable.next_after(found.now)
            await self._change(found.name, found, fire_time, False, [])

    async def _change(
        self,
        name: str,
        before: Schedule | None,
        fire_time: int | None,
        paused: bool,
        fields: Sequence[Argument],
        queue: str = "",
    ) -> None:
        version = 0 if before is None else before.version
        arguments: list[Argument] = [
            name,
            version,
            "" if fire_time is None else fire_time,
            queue,
            self._scripts.max_queues,
        ]
        word, _ = await self._scripts.run("put_schedule", [*arguments, "paused", int(paused), *fields])
        word = text(word)
        if word == "too_many_queues":
            raise TooManyQueues()
        if word == "version" and await self._is_not(name, version + 1, fire_time, paused):
            raise VersionMismatch()

    async def _is_not(self, name: str, version: int, fire_time: int | None, paused: bool) -> bool:
        """False if a refused change was already applied by its first call, whose reply was lost."""
        found = await self.get(name)
        return found is None or (found.version, found.next_fire_time, found.paused) != (
            version,
            fire_time,
            paused,
        )

    async def delete(self, name: str, version: int | None) -> bool:
        """False when it does not exist; raises VersionMismatch."""
        word = text(await self._scripts.run("delete_schedule", [name, "" if version is None else version]))
        if word == "version":
            raise VersionMismatch()
        return word == "moved"

    async def find_due(self, at_most: int) -> DueSchedules:
        """Find due schedules."""
        now, next_in, *rows = await self._scripts.run("due_schedules", [at_most])
        return DueSchedules(now, not_negative(next_in), [decode_due(row, now) for row in rows if row[1]])

    async def fire(self, found: Schedule, firing: Firing, submissions: Sequence[Submission]) -> bool:
        """Submit the jobs and advance to the next fire time; False when the schedule has changed."""
        text = self._text(found, firing.next_fire_time, firing.missed, firing.fire_times)
        return bool(await self._jobs.submit_batch(submissions, firing=text)) or not submissions

    async def run_now(self, found: Schedule, submission: Submission) -> Submitted | None:
        """Submit a job outside the fire times; None when the schedule has changed since it was read."""
        submitted = await self._jobs.submit_batch(
            [submission], firing=self._text(found, found.next_fire_time, None, [None])
        )
        return submitted[0] if submitted else None

    async def replace_unfinished(
        self, found: Schedule, grace_ms: int, idempotency: Idempotency | None = None
    ) -> None:
        """Cancel the unfinished jobs of the last runs, with reason replaced; does nothing for a replay."""
        current = await self.get(found.name)
        if current is None or (current.version, current.next_fire_time) != (
            found.version,
            found.next_fire_time,
        ):
            return  # Another process has fired: the running job is the new one.
        # After the read of the runs: if this request has started one of them, its record exists by now.
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
        self,
        found: Schedule,
        next_fire_time: int | None,
        missed: int | None,
        fire_times: Sequence[int | None],
    ) -> str:
        numbers = [_word(fire_time) for fire_time in fire_times]
        words = [found.name, found.version, _word(found.next_fire_time), _word(next_fire_time)]
        return " ".join(str(word) for word in [*words, found.definition["overlap"], _word(missed), *numbers])

    async def _read(self, names: Sequence[str]) -> "list[Schedule | None]":
        return (await self._read_at(names))[0]

    async def _read_at(self, names: Sequence[str]) -> "tuple[list[Schedule | None], int]":
        def ask(pipe: Any) -> None:
            for name in names:
                # The runs first: if the fire time is then unchanged, no run is missing.
                pipe.lrange(keys.runs(self._prefix, name=name), 0, -1)
                pipe.hgetall(keys.schedule(self._prefix, name=name))
            pipe.time()

        *replies, (seconds, micros) = await self._queries.pipeline(ask)
        now = int(self._scripts.now or seconds * 1000 + micros // 1000)
        return [
            decode_schedule(name, fields, now, runs)
            for name, runs, fields in zip(names, replies[::2], replies[1::2], strict=True)
        ], now


def _word(fire_time: int | None) -> str:
    return "-" if fire_time is None else str(fire_time)
