"""The history of queues and job types: counts and coarse histograms per minute."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log2
from typing import Literal

MINUTE_MS = 60_000
#: How long minutes are kept.
HOURS = 24
#: What is counted, in the order of the codec: jobs, but for `failed`, which counts attempts.
COUNTED = ("started", "succeeded", "failed", "dead", "cancelled")
#: The sampled jobs of a queue, in the order of the codec.
SAMPLED = ("queued", "delayed", "running", "dead")
#: Buckets of a histogram, from 1 ms to 13 h: each reaches the square root of 2 times as far as the last.
BUCKETS = 52
#: Kept separately; the names beyond these limits share the name OTHER.
MAX_QUEUES, MAX_TYPES = 100, 300
OTHER = "other"

Kind = Literal["queue", "type"]
Histogram = dict[int, int]


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration."""
    return 0 if milliseconds <= 1 else min(BUCKETS - 1, ceil(2 * log2(milliseconds)))


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The duration in seconds that `share` of the values do not exceed; None without values."""
    rank = share * sum(histogram.values())
    below = 0
    for bucket in sorted(histogram):
        count = histogram[bucket]
        if count and below + count >= rank:
            # Durations spread evenly over the logarithm: interpolate there.
            part = max(0.0, (rank - below) / count)
            return float(f"{2 ** ((bucket - 1 + part) / 2) / 1000:.3g}") if bucket else 0.001
        below += count
    return None


@dataclass(slots=True)
class Tally:
    """Counts and histograms of one name over a minute or more; `depth` is the last sample."""

    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTED))
    wait: Histogram = field(default_factory=dict[int, int])
    run: Histogram = field(default_factory=dict[int, int])
    depth: Sequence[int] | None = None

    def add(self, other: "Tally") -> None:
        """Add a later or simultaneous tally; a depth replaces the earlier one."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        for own, more in ((self.wait, other.wait), (self.run, other.run)):
            for bucket, count in more.items():
                own[bucket] = own.get(bucket, 0) + count
        self.depth = self.depth if other.depth is None else other.depth

    @property
    def is_empty(self) -> bool:
        return not any(self.counts) and not self.wait and not self.run and not any(self.depth or ())

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        total = cls()
        for tally in tallies:
            total.add(tally)
        return total


@dataclass(frozen=True, slots=True)
class Window:
    """Whole steps of `step` minutes, in minutes since the epoch: from `first` until before `after`."""

    first: int
    after: int
    step: int

    @classmethod
    def covering(cls, from_ms: int, to_ms: int, step: int) -> "Window":
        """The steps that contain these times, as far as minutes are kept."""
        step_ms = step * MINUTE_MS
        after = -(-to_ms // step_ms) * step
        first = max(from_ms // step_ms * step, after - HOURS * 60)
        return cls(first, max(after, first + step), step)

    @property
    def points(self) -> int:
        return (self.after - self.first) // self.step

    def place(self, minute: int) -> int:
        """The index of the step that contains a minute."""
        return (minute - self.first) // self.step


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that may explain a change in the history."""

    at: int
    kind: Literal["deploy", "pause", "resume"]
    version: str | None = None
    queue: str | None = None
    job_type: str | None = None
