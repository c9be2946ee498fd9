"""The traits of a job, which it shares with many others: one text that lib/traits.lua reads as well."""

from functools import lru_cache
from typing import NamedTuple

from service.domain.job_spec import DEFAULT_PRIORITY, DEFAULT_RETENTION_MS, JobSpec


class Traits(NamedTuple):
    """In the order of their text, in which "" is the default, or none. The text omits trailing bars."""

    queue: str
    name: str
    limit_key: str | None
    priority: int
    retention_ms: int
    group: str | None


def encode_traits(spec: JobSpec, group: str = "") -> str:
    """The limits of a JobSpec keep bars out of its parts."""
    return _text(spec.queue, spec.name, spec.limit_key, spec.priority, spec.retention_ms, group)


@lru_cache(maxsize=4096)
def _text(queue: str, name: str, limit_key: str | None, priority: int, retention_ms: int, group: str) -> str:
    return "|".join(
        (
            queue,
            name,
            limit_key or "",
            "" if priority == DEFAULT_PRIORITY else str(priority),
            "" if retention_ms == DEFAULT_RETENTION_MS else str(retention_ms),
            group,
        )
    ).rstrip("|")


@lru_cache(maxsize=4096)
def decode_traits(text: bytes) -> Traits:
    given = text.decode().split("|")
    queue, name, limit_key, priority, retention_ms, group = given + [""] * (len(Traits._fields) - len(given))
    return Traits(
        queue=queue,
        name=name,
        limit_key=limit_key or None,
        priority=int(priority or DEFAULT_PRIORITY),
        retention_ms=int(retention_ms or DEFAULT_RETENTION_MS),
        group=group or None,
    )
