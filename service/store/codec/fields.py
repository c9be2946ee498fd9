"""The parts that records and replies are made of: texts, numbers, and hashes as flat lists."""

from collections.abc import Iterable, Mapping, Sequence

Fields = Mapping[bytes, bytes]


def text(value: bytes | None) -> str | None:
    """None too for an empty field: scripts write one for what is absent."""
    return None if not value else value.decode()


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
    """Scripts answer a negative number for a time that is not to come."""
    return None if value < 0 else value


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """A HGETALL reply that came through a script is a flat list."""
    each = iter(flat)
    return dict(zip(each, each, strict=True))


def present(names: Sequence[str], values: Sequence[bytes | None]) -> dict[bytes, bytes]:
    """A HMGET reply as the hash that it was read from, without the fields that are absent."""
    return {name.encode(): value for name, value in zip(names, values, strict=True) if value is not None}


def scored(rows: Sequence[tuple[bytes, float]]) -> list[tuple[str, int]]:
    """Members of a sorted set with their scores."""
    return [(member.decode(), int(score)) for member, score in rows]


def places(flat: Sequence[bytes]) -> list[tuple[str, int]]:
    """Ids and times of a reply that lists them in turn."""
    return [(id.decode(), int(at)) for id, at in zip(flat[::2], flat[1::2], strict=True)]
