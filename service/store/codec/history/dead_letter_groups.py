"""The record of a group of dead letters."""

from collections.abc import Sequence
from typing import Any

from service.domain.dead_letter_group import DeadLetterGroup
from service.store.codec.fields import pairs, text


def decode_group(row: Sequence[Any]) -> DeadLetterGroup:
    """A row of list_dead_groups.lua."""
    fingerprint, count, newest, flat = row
    fields = pairs(flat)
    return DeadLetterGroup(
        fingerprint=fingerprint.decode(),
        name=text(fields.get(b"name")),
        error_type=text(fields.get(b"type")),
        message=text(fields.get(b"message")),
        reason=text(fields.get(b"reason")),
        count=count,
        first_seen=int(fields[b"first_seen"]),
        last_seen=int(fields[b"last_seen"]),
        queues=fields.get(b"queues", b"").decode().split(),
        versions=fields.get(b"versions", b"").decode().split(),
        example_id=newest.decode(),
    )
