"""The record of an API key."""

from service.domain.access_key import AccessKey
from service.store.codec.fields import Fields, decode_texts


def encode_access_key(key: AccessKey) -> dict[str, str | int]:
    return {
        "id": key.id,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at,
    }


def decode_access_key(fields: Fields) -> AccessKey | None:
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
    )
