"""The records of endpoints."""

from collections.abc import Sequence
from typing import cast

import orjson

from service.domain.webhook import DisabledReason, Secret, Webhook
from service.store.codec.fields import Fields, number, text


def encode_secrets(secrets: Sequence[Secret]) -> bytes:
    return orjson.dumps([[secret.text, secret.until] for secret in secrets])


def decode_secrets(value: bytes | None) -> tuple[Secret, ...]:
    return tuple(Secret(*row) for row in orjson.loads(value)) if value else ()


def decode_webhook(id: str, fields: Fields, failing_since: bytes | None) -> Webhook | None:
    """None for an endpoint that does not exist."""
    if b"version" not in fields:
        return None
    return Webhook(
        id=id,
        version=int(fields[b"version"]),
        url=fields.get(b"url", b"").decode(),
        events=tuple(fields.get(b"events", b"").decode().split(",")),
        description=fields.get(b"description", b"").decode(),
        secrets=decode_secrets(fields.get(b"secrets")),
        created_at=int(fields[b"created_at"]),
        disabled_at=number(fields.get(b"disabled_at")),
        disabled_reason=cast(DisabledReason | None, text(fields.get(b"disabled_reason"))),
        failing_since=number(failing_since),
        pending=int(fields.get(b"pending", 0)),
        dropped=int(fields.get(b"dropped", 0)),
    )
