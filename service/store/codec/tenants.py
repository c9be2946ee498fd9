"""The records of namespaces and of API keys."""

from collections.abc import Collection, Sequence

import orjson

from service.domain.access_key import AccessKey, Reach
from service.domain.tenant import QUOTAS, Policy, Tenant, Usage
from service.store.codec.fields import Fields, decode_texts


def encode_policy(policy: Policy, description: str) -> bytes:
    return orjson.dumps(
        {
            "description": description,
            "quotas": {name: policy.quota(name) for name in QUOTAS},
            "retention_seconds": policy.retention_seconds,
            "redact": list(policy.redact),
        }
    )


def decode_tenant(name: str, row: Sequence[bytes | None]) -> Tenant | None:
    """From the fields version, created_at and definition; None if there is no record."""
    version, created_at, definition = row
    if version is None or created_at is None or definition is None:
        return None
    found = orjson.loads(definition)
    policy = Policy(
        {name: found["quotas"].get(name) for name in QUOTAS},
        found["retention_seconds"],
        tuple(found["redact"]),
    )
    return Tenant(name, policy, int(created_at), int(version), found["description"])


def decode_usage(reply: Sequence[int]) -> Usage | None:
    """From read_usage.lua; None for a namespace without quotas, which counts nothing."""
    counted, *used = reply
    return Usage(*used) if counted else None


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
