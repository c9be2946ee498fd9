"""The history of queues and job types: counts and coarse histograms per minute."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from service.domain.checks import EARLIEST_MS, LATEST_MS

MINUTE_MS = 60_000
#: How long minutes are kept.
HOURS = 24
#: Each counts jobs, except `failed`, which counts attempts. The order is the codec's.
COUNTED = ("started", "succeeded", "failed", "dead", "cancelled")
#: The jobs of a queue that are sampled, in the order of the codec.
SAMPLED = ("queued", "delayed", "running", "dead")
#: Upper bounds of the buckets in seconds: 6 per decade, then a factor of about 1.5, coarse beyond an hour.
BOUNDS = (
    0.001, 0.0016, 0.0025, 0.0035, 0.005, 0.007, 0.01, 0.016, 0.025, 0.035, 0.05, 0.07,
    0.1, 0.16, 0.25, 0.35, 0.5, 0.7, 1, 1.6, 2.5, 3.5, 5, 7, 10, 17, 30, 42,
    60, 90, 140, 200, 300, 420, 600, 900, 1300, 1900, 2600, 3600, 7200, 14_400, 43_200,
)  # fmt: skip
#: With the durations beyond the last bound.
BUCKETS = len(BOUNDS) + 1
#: The most names that are kept separately; the names beyond it share OTHER.
MAX_QUEUES, MAX_TYPES = 100, 300
OTHER = "other"
#: The name of the whole namespace.
WHOLE = "*"

Kind = Literal["queue", "type"]
#: The number of durations by bucket.
Histogram = dict[int, int]


def series_name(kind: Kind | None, name: str | None) -> str:
    """The name under which the history of a queue, a job type or the whole namespace is stored."""
    return WHOLE if kind is None else f"{kind[0]}|{name}"


def bucket_of(seconds: float) -> int:
    return bisect_left(BOUNDS, seconds)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The duration in seconds that `share` of the values do not exceed; None without values."""
    rank, below = share * sum(histogram.values()), 0
    for bucket in sorted(histogram):
        count = histogram[bucket]
        if below + count >= rank and count:
            if bucket == 0 or bucket == len(BOUNDS):
                return float(BOUNDS[min(bucket, len(BOUNDS) - 1)])
            # Durations spread evenly over a logarithmic scale, so interpolate there.
            least, most = BOUNDS[bucket - 1], BOUNDS[bucket]
            return float(f"{least * (most / least) ** max(0.0, (rank - below) / count):.3g}")
        below += count
    return None


@dataclass(slots=True)
class Tally:
    """Counts and histograms of one name over a minute or more; `depth` is the last sample."""

    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTED))
    wait: Histogram = field(default_factory=dict[int, int])
    run: Histogram = field(default_factory=dict[int, int])
    depth: Sequence[int] | None = None

    def add(self, later: "Tally") -> None:
        """Add a later tally of the same name; its depth replaces the earlier one."""
        self.merge(later)
        if later.depth is not None:
            self.depth = later.depth

    def merge(self, other: "Tally") -> None:
        """Add the counts and histograms of another tally, but not its depth."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        for own, more in ((self.wait, other.wait), (self.run, other.run)):
            for bucket, count in more.items():
                own[bucket] = own.get(bucket, 0) + count

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        """The sum of tallies of several names, at the same time."""
        total = cls()
        for tally in tallies:
            total.merge(tally)
            if tally.depth is not None:
                before = total.depth or [0] * len(SAMPLED)
                total.depth = [own + more for own, more in zip(before, tally.depth, strict=True)]
        return total


_KEPT_MS = HOURS * 60 * MINUTE_MS
#: Between these times, the steps around a window can still be written as times.
_FIRST_MS, _LAST_MS = EARLIEST_MS + _KEPT_MS, LATEST_MS - _KEPT_MS


@dataclass(frozen=True, slots=True)
class Window:
    """Whole steps of `step` minutes, in minutes since the epoch: from `first` until before `after`."""

    first: int
    after: int
    step: int

    @classmethod
    def covering(cls, from_ms: int, to_ms: int, step: int) -> "Window":
        """The steps that contain these times, at most as long as minutes are kept."""
        from_ms, to_ms = (min(max(time, _FIRST_MS), _LAST_MS) for time in (from_ms, to_ms))
        step_ms = step * MINUTE_MS
        after = -(-to_ms // step_ms) * step
        first = max(from_ms // step_ms * step, after - HOURS * 60)
        return cls(first, max(after, first + step), step)

    @property
    def points(self) -> int:
        return (self.after - self.first) // self.step

    def place(self, minute: int) -> int | None:
        """The index of the step that contains a minute."""
        return (minute - self.first) // self.step if self.first <= minute < self.after else None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that may explain a change in the history."""

    at: int
    kind: Literal["deploy", "pause", "resume"]
    version: str | None = None
    queue: str | None = None
    job_type: str | None = None
