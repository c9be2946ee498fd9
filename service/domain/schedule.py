"""Computes when a schedule fires: by the wall clock of its time zone, or at a fixed interval."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from service.domain.catalogue import JobType
from service.domain.checks import LATEST_MS
from service.domain.job_spec import JobSpec, specify
from service.domain.timetable_hints import cron_hint, zone_hint

CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["allow", "skip", "replace"]

ALIASES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: catch_up "all" fires only this many missed times, the newest ones.
CATCH_UP_AT_MOST = 100
#: Up to ON_TIME_MS late, each fire time fires. Up to LATE_MS, the newest one does even without catch_up.
ON_TIME_MS = 2_000
LATE_MS = 60_000

_MINUTE_MS = 60_000
#: The search for the newest due times goes back one minute, then this many times further in each step.
_FURTHER = 8


class TimetableInvalid(Exception):
    """The invalid `field` of a schedule, and why it is invalid."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The fire times of a schedule in unix ms: from `cron`, or every `every_ms` starting at `anchor_ms`.

    Each wall-clock time fires once: a skipped one when the gap ends, and a repeated one the first time only.
    A cron whose hour is `*` follows elapsed time instead, because an hourly job must not pause for two hours
    (ADR 0014).
    """

    cron: str | None = None
    every_ms: int | None = None
    timezone: str = "UTC"
    start_ms: int | None = None
    end_ms: int | None = None
    anchor_ms: int = 0

    def check(self, now_ms: int) -> None:
        """Raises TimetableInvalid."""
        try:
            ZoneInfo(self.timezone)
        except (OSError, ValueError, KeyError) as error:
            raise TimetableInvalid("timezone", zone_hint(self.timezone)) from error
        if self.cron is not None:
            try:
                self._cron(datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.timezone)))
            except CronSimError as error:
                raise TimetableInvalid("cron", cron_hint(self.cron, str(error))) from error
            if next(self._cron_times(now_ms), None) is None:
                raise TimetableInvalid("cron", "never fires")

    def next_after(self, ms: int) -> int | None:
        """The first fire time after `ms`; None without one."""
        return next(self.fire_times(ms), None)

    def fire_times(self, after_ms: int) -> Iterator[int]:
        """Fire times after `after_ms`, in order."""
        if self.start_ms is not None:
            after_ms = max(after_ms, self.start_ms - 1)
        times = self._interval_times(after_ms) if self.every_ms is not None else self._cron_times(after_ms)
        for fire_time in times:
            if fire_time > (LATEST_MS if self.end_ms is None else self.end_ms):
                return
            yield fire_time

    def upcoming(self, after_ms: int, count: int = 5) -> list[int]:
        return list(islice(self.fire_times(after_ms), count))

    def newest(self, first_ms: int, now_ms: int, at_most: int) -> list[int]:
        """The newest fire times from `first_ms` to now, in order; the cost does not grow with the gap."""
        span = _MINUTE_MS
        while True:
            after = max(first_ms - 1, now_ms - span)
            found: deque[int] = deque(maxlen=at_most)
            for fire_time in self.fire_times(after):
                if fire_time > now_ms:
                    break
                found.append(fire_time)
            if len(found) == at_most or after < first_ms:
                return list(found)
            span *= _FURTHER

    def _interval_times(self, after_ms: int) -> Iterator[int]:
        every = self.every_ms
        assert every is not None
        fire_time = self.anchor_ms + max(0, (after_ms - self.anchor_ms) // every + 1) * every
        while True:
            yield fire_time
            fire_time += every

    def _cron(self, start: datetime) -> CronSim:
        assert self.cron is not None
        return CronSim(ALIASES.get(self.cron.lower(), self.cron), start)

    def _cron_times(self, after_ms: int) -> Iterator[int]:
        zone = ZoneInfo(self.timezone)
        try:
            start = datetime.fromtimestamp(after_ms / 1000, zone)
            times = self._cron(start)
            if len(times.hours) < 24:
                # Without a zone cronsim ignores clock changes; `_instant` handles them, for 5 and 6 fields.
                times = self._cron(start.replace(tzinfo=None))
            last = after_ms
            for time in times:
                fire_time = _instant(time, zone)
                if fire_time > last:
                    yield fire_time
                    last = fire_time
        except OverflowError:
            return  # The calendar ends with the year 9999.


def _instant(time: datetime, zone: ZoneInfo) -> int:
    """Unix ms of a wall-clock time: the first instant if it repeats, the end of the gap if it is skipped."""
    if time.tzinfo is not None:
        return round(time.timestamp() * 1000)
    earlier, later = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() == later.utcoffset() or _exists(earlier, zone):
        return round(earlier.timestamp() * 1000)
    # With the offset after the gap, a skipped time is an instant before the gap, and vice versa.
    low, high = round(later.timestamp()), round(earlier.timestamp())
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * 1000


def _exists(time: datetime, zone: ZoneInfo) -> bool:
    return datetime.fromtimestamp(time.timestamp(), zone).replace(tzinfo=None) == time.replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Firing:
    """What to do with a due schedule: times to fire, the newest missed time, and the next time."""

    fire_times: tuple[int, ...]
    missed: int | None
    next_fire_time: int | None


def decide(
    timetable: Timetable, catch_up: CatchUp, fire_time: int, now_ms: int, overlap: Overlap = "allow"
) -> Firing:
    """`fire_time` is due; later fire times may be due as well."""
    due = timetable.newest(fire_time, now_ms, CATCH_UP_AT_MOST)
    if catch_up == "all":
        fired = due
    else:
        fired = [at for at in due if now_ms - at <= ON_TIME_MS]
        if not fired and (catch_up == "latest" or now_ms - due[-1] <= LATE_MS):
            fired = due[-1:]
    if overlap == "replace":
        fired = fired[-1:]  # Each job would replace the one before it.
    first = fired[0] if fired else None
    older = [at for at in due if first is None or at < first]
    missed = older[-1] if older else fire_time if first is not None and fire_time < first else None
    return Firing(tuple(fired), missed, timetable.next_after(max(now_ms, due[-1])))


def timetable(document: Mapping[str, Any], anchor_ms: int) -> Timetable:
    """From a stored definition, which has times in unix ms."""
    return Timetable(
        cron=document["cron"],
        every_ms=document["every_ms"],
        timezone=document["timezone"],
        start_ms=document["start_ms"],
        end_ms=document["end_ms"],
        anchor_ms=anchor_ms,
    )


def whole_second(ms: int) -> int:
    """Rounded down, since a worker finds schedules that fire at the same time in one check."""
    return ms // 1000 * 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One entry of a schedule's history; `fire_time` is None for a run on request."""

    fire_time: int | None
    at: int
    outcome: str
    job_id: str | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A stored schedule. `next_fire_time` is None when it is paused or has ended. Times are unix ms."""

    name: str
    version: int
    definition: Mapping[str, Any]
    anchor: int
    paused: bool
    next_fire_time: int | None
    #: The Redis time of the read.
    now: int
    last: tuple[int | None, str] | None = None
    runs: tuple[Run, ...] = ()

    @property
    def timetable(self) -> Timetable:
        return timetable(self.definition, self.anchor)

    def job(self, job_type: JobType | None, queues: Mapping[str, Mapping[str, Any]]) -> JobSpec:
        """The job to submit, with the defaults of its type and queue, and the tag `schedule`."""
        spec = specify(self.definition["job"], job_type, queues)
        return replace(spec, tags={"schedule": self.name, **spec.tags})
