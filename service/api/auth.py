"""Who is asking: API keys, their namespaces and scopes."""

import hashlib
import secrets
from dataclasses import dataclass

from service.api.errors import ScopeMissing, Unauthenticated
from service.clock import Clock
from service.store.access_keys import AccessKey, AccessKeys

#: Every scope that a key can have.
SCOPES = (
    "jobs:read", "jobs:write", "queues:read", "queues:admin", "dlq:read", "dlq:write", "schedules:read",
    "schedules:write", "workers:read", "workers:admin", "keys:admin", "metrics:read", "payload:read",
)  # fmt: skip

#: Seconds for which a key is believed without asking again: the longest that a revoked one lives on.
CACHE_SECONDS = 5.0
_CACHE_SIZE = 10_000


def new_secret() -> str:
    """256 random bits; the prefix lets scanners of leaked secrets recognise it."""
    return f"triage_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """What is kept of a secret; it is looked up and never compared, so no timing leads to a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """`sees_payloads`: whether payloads and results are shown."""

    namespace: str
    scopes: frozenset[str]
    key_id: str | None

    @property
    def sees_payloads(self) -> bool:
        return "payload:read" in self.scopes

    def require(self, scope: str) -> None:
        if scope not in self.scopes:
            raise ScopeMissing(f"This operation needs the scope {scope}.", required_scope=scope)


class Authenticator:
    """Finds the caller of a request; with `namespace` set, everybody is that namespace's owner (auth off)."""

    def __init__(self, keys: AccessKeys, clock: Clock, open_namespace: str | None) -> None:
        self._keys = keys
        self._clock = clock
        self._open = None if open_namespace is None else Caller(open_namespace, frozenset(SCOPES), None)
        self._cache: dict[str, tuple[float, AccessKey | None]] = {}

    async def identify(self, authorization: str | None) -> Caller:
        """Raises Unauthenticated."""
        if self._open is not None:
            return self._open
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not 1 <= len(secret) <= 256:
            raise Unauthenticated()
        key = await self._find(digest(secret.strip()))
        if key is None:
            raise Unauthenticated()
        return Caller(key.namespace, key.scopes, key.id)

    async def _find(self, digest: str) -> AccessKey | None:
        now = self._clock.monotonic()
        at, key = self._cache.get(digest, (now - CACHE_SECONDS, None))
        if now - at < CACHE_SECONDS:
            return key
        key = await self._keys.find(digest)
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[digest] = (now, key)
        return key
