"""API keys for tests."""

import secrets
from collections.abc import Iterable

from service.api.auth.credentials import SCOPES, digest
from service.domain.access_key import AccessKey, Reach
from service.store.redis.connect import RedisClient
from service.store.tenants.access_keys import AccessKeys


async def authorization(
    redis: RedisClient,
    namespace: str,
    scopes: Iterable[str] = SCOPES,
    *,
    queues: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
    expires_at: int | None = None,
) -> dict[str, str]:
    """The Authorization header of a new key."""
    secret = f"triage_{secrets.token_urlsafe(32)}"
    reach = Reach.of(
        None if queues is None else frozenset(queues), None if names is None else frozenset(names)
    )
    id = f"key_{secrets.token_hex(8)}"
    key = AccessKey(id, "test", namespace, frozenset(scopes), 0, reach, expires_at)
    await AccessKeys(redis).create(key, digest(secret))
    return {"Authorization": f"Bearer {secret}"}
