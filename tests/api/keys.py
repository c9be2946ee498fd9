"""API keys for tests."""

import secrets
from collections.abc import Iterable

from service.api.auth.credentials import SCOPES, digest
from service.domain.access_key import AccessKey
from service.store.access_keys import AccessKeys
from service.store.redis.connect import RedisClient


async def authorization(redis: RedisClient, namespace: str, scopes: Iterable[str] = SCOPES) -> dict[str, str]:
    """The Authorization header of a new key."""
    secret = f"triage_{secrets.token_urlsafe(32)}"
    key = AccessKey(f"key_{secrets.token_hex(8)}", "test", namespace, frozenset(scopes), 0)
    await AccessKeys(redis).create(key, digest(secret))
    return {"Authorization": f"Bearer {secret}"}
