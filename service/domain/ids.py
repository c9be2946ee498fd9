"""Ids: a prefix and a ULID, strictly increasing within a process."""

import hashlib
import re
import threading
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_RANDOM_BITS = 80
#: The part that differs between IDs of one millisecond.
_END_BITS, _END_LETTERS = 40, 8
_BEGINNING_OF_0 = "0" * 18
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class IdFactory:
    """ULIDs as specified: 48 bits of unix milliseconds, 80 random bits, Crockford base 32.

    Within one millisecond, and when the clock steps back, `new` returns the last id plus one, so ids of one
    process sort by creation. `random_bytes` is os.urandom, or a fixed sequence in tests.
    """

    def __init__(self, now_ms: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._last = 0
        # IDs of one millisecond share a prefix.
        self._beginning, self._beginning_text = 0, _BEGINNING_OF_0

    def new(self, prefix: str, members: int = 0) -> str:
        """The next id; the `members` ids after it are reserved, see member_id."""
        with self._lock:
            now = self._now_ms()
            if now > self._last >> _RANDOM_BITS:
                self._last = now << _RANDOM_BITS | int.from_bytes(self._random_bytes(10))
            else:
                self._last += 1
            value = self._last
            self._last += members
            if value >> _END_BITS != self._beginning:
                self._beginning = value >> _END_BITS
                self._beginning_text = _encode(value)[:-_END_LETTERS]
            beginning = self._beginning_text
        end = f"{_PAIRS[value >> 30 & 1023]}{_PAIRS[value >> 20 & 1023]}{_PAIRS[value >> 10 & 1023]}"
        return f"{prefix}_{beginning}{end}{_PAIRS[value & 1023]}"


def _encode(value: int) -> str:
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])


def member_id(group_id: str, number: int) -> str:
    """The id of a group's `number`-th job, counted from 1.

    The group's id determines the ids of its jobs, so they need not be stored, and a repeated chunk of jobs
    has the same ids.
    """
    return f"job_{_encode(_decode(group_id.rpartition('_')[2]) + number)}"


def member_number(group_id: str, job_id: str) -> int:
    """The inverse of member_id."""
    return _decode(job_id.rpartition("_")[2]) - _decode(group_id.rpartition("_")[2])


def _decode(ulid: str) -> int:
    value = 0
    for letter in ulid:
        value = value << 5 | _VALUES[letter]
    return value


def derived_id(prefix: str, at_ms: int, seed: str) -> str:
    """The same id for the same seed in any process; like other ids, it sorts by its time."""
    digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10])
    return f"{prefix}_{_encode(at_ms << _RANDOM_BITS | digest)}"


def id_of(prefix: str, value: int) -> str:
    """The id with these 128 bits, of which the first 48 are its time."""
    return f"{prefix}_{_encode(value)}"


def value_of(id: str) -> int:
    """The inverse of id_of."""
    return _decode(id.rpartition("_")[2])


def created_ms(id: str) -> int:
    """The unix milliseconds in an id; raises ValueError for text that is not an id."""
    ulid = id.rpartition("_")[2]
    if not _ULID.fullmatch(ulid):
        raise ValueError(f"invalid ID: {id!r}")
    return _decode(ulid[:10])


def is_id(prefix: str, text: str) -> bool:
    """Whether the text has the form of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _ULID.fullmatch(text[len(prefix) + 1 :]) is not None
