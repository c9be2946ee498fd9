"""Authentication: API keys and tokens, their namespaces and scopes."""

import hashlib
import re
import secrets

from service.api.auth.throttle import fingerprint
from service.api.auth.tokens import Token, Tokens
from service.api.responses.errors import CredentialRefused, ScopeMissing, Unauthenticated
from service.clock import Clock
from service.domain.access_key import AccessKey
from service.domain.record import record
from service.settings import NAMESPACE_PATTERN
from service.store.access_keys import AccessKeys

#: All scopes.
SCOPES = (
    "jobs:read", "jobs:write", "queues:read", "queues:admin", "dlq:read", "dlq:write", "schedules:read",
    "schedules:write", "webhooks:read", "webhooks:write", "workers:read", "workers:admin", "keys:admin",
    "metrics:read", "payload:read",
)  # fmt: skip
_KNOWN = frozenset(SCOPES)

#: How long a key is cached, in seconds, and so how long a revoked key may still work.
CACHE_SECONDS = 5.0
_CACHE_SIZE = 10_000
_PREFIX = "triage_"
_MAX_KEY = 256
_TOKEN = "jwt:"


def new_secret() -> str:
    """256 random bits, with a prefix by which secret scanners recognise it."""
    return f"{_PREFIX}{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """The stored form of a secret. It is looked up rather than compared, so timing reveals nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


@record
class Caller:
    """An authenticated client.

    `key_id` is the id of a key, or `jwt:` and the subject of a token; None without authentication.
    `sees_payloads` is whether responses include payloads and results.
    """

    namespace: str
    scopes: frozenset[str]
    key_id: str | None

    @property
    def logged_as(self) -> str | None:
        """`key_id` for logs. A subject may be a person's name, so logs get only its fingerprint."""
        if self.key_id is None or not self.key_id.startswith(_TOKEN):
            return self.key_id
        return _TOKEN + fingerprint(self.key_id)

    @property
    def sees_payloads(self) -> bool:
        return "payload:read" in self.scopes

    def require(self, scope: str) -> None:
        if scope not in self.scopes:
            raise ScopeMissing(f"This operation requires the scope {scope}.", required_scope=scope)


def _credential(authorization: str | None) -> str:
    """The key or token of the header; empty if there is none."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _holder_of(token: Token) -> Caller:
    # The issuer writes scopes of other services into the same claim.
    return Caller(token.namespace, token.scopes & _KNOWN, f"{_TOKEN}{token.subject or ''}")


class Authenticator:
    """Identifies callers. With `open_namespace` (auth off), every caller has full access to it."""

    def __init__(
        self, keys: AccessKeys, clock: Clock, open_namespace: str | None, tokens: Tokens | None = None
    ) -> None:
        self._keys = keys
        self.tokens = tokens
        self._clock = clock
        self._open = None if open_namespace is None else Caller(open_namespace, frozenset(SCOPES), None)
        self._cache: dict[str, tuple[float, AccessKey | None]] = {}

    async def identify(self, authorization: str | None) -> Caller:
        """Raises Unauthenticated without a key or token, CredentialRefused, and IssuerUnavailable."""
        if self._open is not None:
            return self._open
        credential = _credential(authorization)
        if not credential:
            raise Unauthenticated()
        if self.tokens is not None and credential.count(".") == 2 and not credential.startswith(_PREFIX):
            return _holder_of(await self.tokens.read(credential))
        if len(credential) > _MAX_KEY:
            raise CredentialRefused()
        key = await self._find(digest(credential))
        if key is None:
            raise CredentialRefused()
        return Caller(key.namespace, key.scopes, key.id)

    def recall(self, authorization: str | None) -> Caller | None:
        """The result of `identify` from its cache; None if that would read Redis or raise."""
        if self._open is not None:
            return self._open
        credential = _credential(authorization)
        if self.tokens is not None and credential.count(".") == 2 and not credential.startswith(_PREFIX):
            token = self.tokens.recall(credential)
            return None if token is None else _holder_of(token)
        at, key = self._cache.get(digest(credential), (0.0, None))
        if key is None or self._clock.monotonic() - at >= CACHE_SECONDS:
            return None
        return Caller(key.namespace, key.scopes, key.id)

    def remembers(self, authorization: str | None) -> bool:
        """Whether these credentials were valid recently or are not required, so that it cannot be a guess."""
        credential = _credential(authorization)
        if self._open is not None or not credential:
            return True
        if self.tokens is not None and self.tokens.remembers(credential):
            return True
        return self._cache.get(digest(credential), (0.0, None))[1] is not None

    async def _find(self, digest: str) -> AccessKey | None:
        now = self._clock.monotonic()
        at, key = self._cache.get(digest, (now - CACHE_SECONDS, None))
        if now - at < CACHE_SECONDS:
            return key
        key = await self._keys.find(digest)
        if key is not None and not re.fullmatch(NAMESPACE_PATTERN, key.namespace):
            key = None  # it could reach Redis keys of another namespace
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[digest] = (now, key)
        return key
