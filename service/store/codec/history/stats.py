"""Minutes and hours of the history, packed: a name takes some 20 bytes per minute (docs/adr/0042).

A histogram is its first bucket and a byte per bucket up to its last. The byte is exact for counts below 4 and
within a fifth of larger ones. An hour is stored by name and column by column, which compresses well.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from service.domain.stats import COUNTED, SAMPLED, Histogram, Mark, Tally

MINUTES = 60
_FAST, _SMALL = 1, 9


def _levels() -> list[int]:
    """The count that each byte stands for: 0, 1, 2, 3, 4, 6, 8, 12, 16 and so on."""
    levels = [0, 1]
    while len(levels) < 256:
        size = 1 << (len(levels) // 2)
        levels += [size, size + size // 2]
    return levels[:256]


_LEVELS = _levels()


def _byte_of(count: int) -> int:
    if count < 4:
        return count
    # The level below, or the one above if that is nearer.
    high = count.bit_length() - 1
    level = 2 * high + ((count >> (high - 1)) & 1)
    return level + (count - _LEVELS[level] > _LEVELS[level + 1] - count)


class _Row(msgspec.Struct, array_like=True):
    """A tally; `depth` is empty without a sample."""

    counts: list[int]
    wait: bytes
    run: bytes
    depth: list[int]


class _Hour(msgspec.Struct, array_like=True):
    """60 tallies: a list of 60 values per count and per sample, and two grids."""

    counts: list[list[int]]
    wait: bytes
    run: bytes
    depth: list[list[int | None]]


_rows = msgspec.msgpack.Decoder(_Row)
_hours = msgspec.msgpack.Decoder(_Hour)
_names = msgspec.msgpack.Decoder(dict[str, bytes])
_encode = msgspec.msgpack.encode


def read_counts(fields: Mapping[bytes, bytes]) -> dict[str, Tally]:
    """The tallies of a minute that is not stored yet, by fields `kind|name|column`.

    A column is the place of a count, or `w` (wait) or `r` (run) and a bucket.
    """
    tallies: dict[str, Tally] = {}
    for field, value in fields.items():
        name, _, column = field.decode().rpartition("|")
        tally = tallies.setdefault(name, Tally())
        if column.isdecimal():
            tally.counts[int(column)] += int(value)
        else:
            histogram = tally.wait if column[0] == "w" else tally.run
            histogram[int(column[1:])] = int(value)
    return tallies


def encode_tallies(tallies: Mapping[str, Tally]) -> bytes:
    """The tallies of many names over the same time."""
    rows = {name: _encode(_row(tally)) for name, tally in tallies.items()}
    return zlib.compress(_encode(rows), _FAST)


def split_tallies(text: bytes | None) -> dict[str, bytes]:
    """The packed tally of each name, for `decode_tally`."""
    return _names.decode(zlib.decompress(text)) if text else {}


def decode_tally(row: bytes) -> Tally:
    found = _rows.decode(row)
    return Tally(found.counts, _histogram(found.wait), _histogram(found.run), found.depth or None)


def _row(tally: Tally) -> _Row:
    return _Row(list(tally.counts), _pack(tally.wait), _pack(tally.run), list(tally.depth or ()))


def _pack(histogram: Histogram) -> bytes:
    if not histogram:
        return b""
    first = min(histogram)
    return bytes([first, *(_byte_of(histogram.get(at, 0)) for at in range(first, max(histogram) + 1))])


def _histogram(packed: bytes) -> Histogram:
    return {
        bucket: _LEVELS[level] for bucket, level in enumerate(packed[1:], packed[0] if packed else 0) if level
    }


def decode_mark(text: bytes) -> Mark:
    """A member of `stats_marks`, which lib/marks.lua writes."""
    at, kind, queue, job_type, version = text.decode().split("|", 4)
    return Mark(int(at), cast(Any, kind), version or None, queue or None, job_type or None)


def encode_hour(minutes: Sequence[Tally | None]) -> bytes:
    """The 60 minutes of one name."""
    tallies = [minute or Tally() for minute in minutes]
    counts = [[tally.counts[at] for tally in tallies] for at in range(len(COUNTED))]
    # The runs that started and have not finished: small numbers compress better.
    counts[0] = [tally.counts[0] - tally.counts[1] - tally.counts[2] for tally in tallies]
    depth: list[list[int | None]] = []
    if any(tally.depth is not None for tally in tallies):
        depth = [
            [None if tally.depth is None else tally.depth[at] for tally in tallies]
            for at in range(len(SAMPLED))
        ]
    hour = _Hour(
        counts, _grid([tally.wait for tally in tallies]), _grid([tally.run for tally in tallies]), depth
    )
    return zlib.compress(_encode(hour), _SMALL)


def decode_hour(text: bytes) -> list[Tally]:
    """The 60 minutes of one name."""
    hour = _hours.decode(zlib.decompress(text))
    unfinished, succeeded, failed, *others = hour.counts
    started = [sum(parts) for parts in zip(unfinished, succeeded, failed, strict=True)]
    counts = zip(started, succeeded, failed, *others, strict=True)
    tallies = [Tally(list(row)) for row in counts]
    for tally, wait, run in zip(tallies, _from_grid(hour.wait), _from_grid(hour.run), strict=True):
        tally.wait, tally.run = wait, run
    for tally, sample in zip(tallies, zip(*hour.depth, strict=True), strict=False):
        if sample[0] is not None:
            tally.depth = [number or 0 for number in sample]
    return tallies


def _grid(histograms: Sequence[Histogram]) -> bytes:
    """The first bucket, then the bytes of all minutes for each bucket up to the last."""
    used = {bucket for histogram in histograms for bucket in histogram}
    if not used:
        return b""
    first = min(used)
    rows = (
        bytes(_byte_of(histogram.get(bucket, 0)) for histogram in histograms)
        for bucket in range(first, max(used) + 1)
    )
    return bytes([first]) + b"".join(rows)


def _from_grid(grid: bytes) -> list[Histogram]:
    histograms: list[Histogram] = [{} for _ in range(MINUTES)]
    first = grid[0] if grid else 0
    for place, level in enumerate(grid[1:]):
        if level:
            histograms[place % MINUTES][first + place // MINUTES] = _LEVELS[level]
    return histograms
