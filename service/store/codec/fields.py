"""Decodes the parts of records and replies: texts, numbers, and hashes as flat lists."""

from collections.abc import Iterable, Mapping, Sequence

Fields = Mapping[bytes, bytes]


def text(value: bytes | None) -> str | None:
    """None also for an empty field, which scripts write for an absent value."""
    return None if not value else value.decode()


def shown_text(value: bytes) -> str:
    """The text, in which bytes that are none are escaped: of what may not be Triage's."""
    return value.decode(errors="backslashreplace")


def texts(values: Iterable[bytes]) -> list[str]:
    """Ids and names in the order of a reply."""
    return [value.decode() for value in values]


def decode_texts(fields: Fields) -> dict[str, str]:
    """A hash of texts."""
    return {name.decode(): value.decode() for name, value in fields.items()}


def decode_counts(fields: Fields) -> dict[str, int]:
    """A hash of numbers."""
    return {name.decode(): int(value) for name, value in fields.items()}


def number(value: bytes | None) -> int | None:
    return None if value is None else int(value)


def not_negative(value: int) -> int | None:
    """None for a negative number, which scripts return for a time that will not come."""
    return None if value < 0 else value


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """The hash of a HGETALL reply that a script has returned as a flat list."""
    each = iter(flat)
    return dict(zip(each, each, strict=True))


def present(names: Sequence[str], values: Sequence[bytes | None]) -> dict[bytes, bytes]:
    """The hash of a HMGET reply, without absent fields."""
    return {name.encode(): value for name, value in zip(names, values, strict=True) if value is not None}


def scored(rows: Sequence[tuple[bytes, float]]) -> list[tuple[str, int]]:
    """Members of a sorted set with their scores."""
    return [(member.decode(), int(score)) for member, score in rows]


def places(flat: Sequence[bytes]) -> list[tuple[str, int]]:
    """Pairs of id and time, from a flat list."""
    return [(id.decode(), int(at)) for id, at in zip(flat[::2], flat[1::2], strict=True)]


#: Bytes of a piece; Redis makes a hash table of a hash with a longer value.
PIECE = 64
#: The largest number of pieces, as in lib/texts.lua. A longer text is in one field.
PIECES: Mapping[str, int] = dict.fromkeys(("payload", "options", "result", "error", "callback"), 4)


def piece_names(name: str) -> tuple[str, ...]:
    """The fields that a long text may be in: lib/texts.lua splits it, so that the hash stays small."""
    return (name, *(f"{name}.{number}" for number in range(1, PIECES[name])))


_REST = {name.encode(): tuple(rest.encode() for rest in piece_names(name)[1:]) for name in PIECES}


def joined(fields: Fields, name: bytes) -> bytes | None:
    first = fields.get(name)
    if first is None or len(first) != PIECE:
        return first
    pieces = [first]
    for rest in _REST[name]:
        piece = fields.get(rest)
        if piece is None:
            break
        pieces.append(piece)
    return b"".join(pieces)
