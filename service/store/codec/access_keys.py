"""The record of an API key."""

from collections.abc import Collection

from service.domain.access_key import AccessKey, Reach
from service.store.codec.fields import Fields, decode_texts


def encode_access_key(key: AccessKey) -> dict[str, str | int]:
    """Without the fields that only a rotation writes."""
    reach = key.reach or Reach()
    optional = {
        "queues": _words(reach.queues),
        "names": _words(reach.names),
        "expires_at": key.expires_at,
        "created_by": key.created_by,
    }
    return {
        "id": key.id,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at,
        **{name: value for name, value in optional.items() if value is not None},
    }


def decode_access_key(fields: Fields, last_used_at: int | None = None) -> AccessKey | None:
    """None when the record does not exist."""
    if not fields:
        return None
    found = decode_texts(fields)
    return AccessKey(
        id=found["id"],
        name=found["name"],
        namespace=found["namespace"],
        scopes=frozenset(found["scopes"].split()),
        created_at=int(found["created_at"]),
        reach=Reach.of(_split(found.get("queues")), _split(found.get("names"))),
        expires_at=_number(found.get("expires_at")),
        created_by=found.get("created_by"),
        version=int(found.get("version", 1)),
        rotated_at=_number(found.get("rotated_at")),
        previous_until=_number(found.get("previous_until")),
        last_used_at=last_used_at,
    )


def _words(names: Collection[str] | None) -> str | None:
    """Names of queues and job types contain no spaces."""
    return None if names is None else " ".join(sorted(names))


def _split(text: str | None) -> list[str] | None:
    return None if text is None else text.split()


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
