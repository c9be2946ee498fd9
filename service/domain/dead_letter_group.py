"""Dead letters with the same cause."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """`name` is None in the group of all causes beyond the limit.

    A job that died without an error, such as an expired one, has no error type and no message. `queues` and
    `versions` are the last few, latest first.
    """

    fingerprint: str
    name: str | None
    error_type: str | None
    message: str | None
    reason: str | None
    count: int
    first_seen: int
    last_seen: int
    queues: Sequence[str]
    versions: Sequence[str]
    example_id: str
