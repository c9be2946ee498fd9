"""When a schedule fires: its slots, in the wall-clock time of its zone or every so many seconds."""

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
#: Missed slots that catch_up "all" fires at most: the newest ones.
CATCH_UP_AT_MOST = 100
#: Milliseconds for which a slot is on time, and for which a single late one still is not missed.
ON_TIME_MS = 2_000
LATE_MS = 60_000

_MINUTE_MS = 60_000
#: The search for the last due slots begins with a minute and looks back this many times further each time.
_FURTHER = 8


class TimetableInvalid(Exception):
    """`field` of a schedule is wrong, and why."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The fire times of a schedule in unix ms: from `cron`, or every `every_ms` starting at `anchor_ms`.

    A wall-clock time happens once: one that the clocks skip fires when the gap ends, and of a
    repeated hour only the first counts. A cron whose hour is `*` goes by elapsed time instead,
    because an hourly job must not pause for two hours (ADR 0014).
    """

    cron: str | None = None
    every_ms: int | None = None
    timezone: str = "UTC"
    start_ms: int | None = None
    end_ms: int | None = None
    anchor_ms: int = 0

    def check(self, now_ms: int) -> None:
        """Raises TimetableInvalid for what cannot be read."""
        try:
            ZoneInfo(self.timezone)
        except (OSError, ValueError, KeyError) as error:
            raise TimetableInvalid("timezone", "is not an IANA time zone") from error
        if self.cron is not None:
            try:
                self._cron(datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.timezone)))
            except CronSimError as error:
                raise TimetableInvalid("cron", str(error)) from error
            if next(self._cron_slots(now_ms), None) is None:
                raise TimetableInvalid("cron", "never fires")

    def next_after(self, ms: int) -> int | None:
        """The first slot later than `ms`, None when there is none."""
        return next(self.slots(ms), None)

    def slots(self, after_ms: int) -> Iterator[int]:
        """Slots later than `after_ms`, in order."""
        if self.start_ms is not None:
            after_ms = max(after_ms, self.start_ms - 1)
        slots = self._every_slots(after_ms) if self.every_ms is not None else self._cron_slots(after_ms)
        for slot in slots:
            if slot > (LATEST_MS if self.end_ms is None else self.end_ms):
                return
            yield slot

    def upcoming(self, after_ms: int, count: int = 5) -> list[int]:
        return list(islice(self.slots(after_ms), count))

    def newest(self, first_ms: int, now_ms: int, at_most: int) -> list[int]:
        """Of the slots from `first_ms` to now the newest, in order; the work does not grow with the gap."""
        span = _MINUTE_MS
        while True:
            after = max(first_ms - 1, now_ms - span)
            found: deque[int] = deque(maxlen=at_most)
            for slot in self.slots(after):
                if slot > now_ms:
                    break
                found.append(slot)
            if len(found) == at_most or after < first_ms:
                return list(found)
            span *= _FURTHER

    def _every_slots(self, after_ms: int) -> Iterator[int]:
        every = self.every_ms
        assert every is not None
        slot = self.anchor_ms + max(0, (after_ms - self.anchor_ms) // every + 1) * every
        while True:
            yield slot
            slot += every

    def _cron(self, start: datetime) -> CronSim:
        assert self.cron is not None
        return CronSim(ALIASES.get(self.cron.lower(), self.cron), start)

    def _cron_slots(self, after_ms: int) -> Iterator[int]:
        zone = ZoneInfo(self.timezone)
        try:
            start = datetime.fromtimestamp(after_ms / 1000, zone)
            times = self._cron(start)
            if len(times.hours) < 24:
                # Without a zone cronsim knows no clock changes: they are resolved here, for 5 and 6 fields.
                times = self._cron(start.replace(tzinfo=None))
            last = after_ms
            for time in times:
                slot = _instant(time, zone)
                if slot > last:
                    yield slot
                    last = slot
        except OverflowError:
            return  # The calendar ends with the year 9999.


def _instant(time: datetime, zone: ZoneInfo) -> int:
    """Unix ms of a wall-clock time: the first of two, and the end of the gap for one that is skipped."""
    if time.tzinfo is not None:
        return round(time.timestamp() * 1000)
    earlier, later = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() == later.utcoffset() or _exists(earlier, zone):
        return round(earlier.timestamp() * 1000)
    # A skipped time, read by the offset after the gap, is an instant before it, and the other way round.
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
    """What to do with a due schedule: slots to fire, the newest that was missed, the one to wait for."""

    slots: tuple[int, ...]
    missed: int | None
    next_slot: int | None


def decide(
    timetable: Timetable, catch_up: CatchUp, slot: int, now_ms: int, overlap: Overlap = "allow"
) -> Firing:
    """`slot` is due, and so are the later ones that were missed."""
    due = timetable.newest(slot, now_ms, CATCH_UP_AT_MOST)
    if catch_up == "all":
        fired = due
    else:
        fired = [at for at in due if now_ms - at <= ON_TIME_MS]
        if not fired and (catch_up == "latest" or now_ms - due[-1] <= LATE_MS):
            fired = due[-1:]
    if overlap == "replace":
        fired = fired[-1:]  # Each would only end the one before it.
    first = fired[0] if fired else None
    older = [at for at in due if first is None or at < first]
    missed = older[-1] if older else slot if first is not None and slot < first else None
    return Firing(tuple(fired), missed, timetable.next_after(max(now_ms, due[-1])))


def timetable(document: Mapping[str, Any], anchor_ms: int) -> Timetable:
    """From the definition as it is kept; times in it are unix ms."""
    return Timetable(
        cron=document["cron"],
        every_ms=document["every_ms"],
        timezone=document["timezone"],
        start_ms=document["start_ms"],
        end_ms=document["end_ms"],
        anchor_ms=anchor_ms,
    )


def whole_second(ms: int) -> int:
    """Fire times that coincide cost a worker one check."""
    return ms // 1000 * 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One entry of a schedule's history: what became of a slot, None for a run that was asked for."""

    slot: int | None
    at: int
    outcome: str
    job_id: str | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is stored; `slot` fires next, None when it is paused or over. Times are unix ms."""

    name: str
    version: int
    definition: Mapping[str, Any]
    anchor: int
    paused: bool
    slot: int | None
    #: When it was read, by Redis time.
    now: int
    last: tuple[int | None, str] | None = None
    runs: tuple[Run, ...] = ()

    @property
    def timetable(self) -> Timetable:
        return timetable(self.definition, self.anchor)

    def job(self, job_type: JobType | None, queues: Mapping[str, Mapping[str, Any]]) -> JobSpec:
        """What a slot starts, over the defaults of its type and queue; the tag `schedule` finds it."""
        spec = specify(self.definition["job"], job_type, queues)
        return replace(spec, tags={"schedule": self.name, **spec.tags})
