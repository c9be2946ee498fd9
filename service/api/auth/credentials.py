"""Authentication: API keys and tokens, their namespaces and scopes."""

import contextlib
import hashlib
import math
import re
import secrets

from service.api.auth.throttle import fingerprint
from service.api.auth.tokens import Token, Tokens
from service.api.responses.errors import CredentialRefused, KeyRestricted, ScopeMissing, Unauthenticated
from service.clock import Clock
from service.domain.access_key import SCOPES, AccessKey, Reach
from service.domain.errors import BackendUnavailable, TriageError
from service.domain.record import record
from service.domain.tenant import NAMESPACE_PATTERN
from service.store.tenants.access_keys import AccessKeys

_KNOWN = frozenset(SCOPES)

#: How long a key is cached, in seconds, and so how long a revoked key may still work.
CACHE_SECONDS = 5.0
#: The same while Redis does not respond, and the pause until this process asks for a known key again. All API
#: keys are on one master of a cluster, and its failover must not interrupt the namespaces of the others.
AWAY_SECONDS, AWAY_PAUSE = 60.0, 1.0
_CACHE_SIZE = 10_000
#: How often a process records the use of a key, in seconds.
NOTE_USE_SECONDS = 60.0
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
    `reach` are the queues and job types of a restricted key; None permits all. `expires_at`: of a key, unix
    ms. `sees_payloads` is whether responses include payloads and results.
    """

    namespace: str
    scopes: frozenset[str]
    key_id: str | None
    reach: Reach | None = None
    expires_at: int | None = None

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

    def require_reach(self, queue: str | None, name: str | None) -> None:
        """Raises KeyRestricted unless the key may use this queue and this job type; None = every one."""
        if self.reach is None:
            return
        if self.reach.queues is not None and queue not in self.reach.queues:
            raise KeyRestricted.to("queues", queue, self.reach.queues)
        if self.reach.names is not None and name not in self.reach.names:
            raise KeyRestricted.to("job types", name, self.reach.names)

    def sees(self, queue: str, name: str) -> bool:
        """Whether jobs of this queue and job type exist for the caller."""
        return self.reach is None or self.reach.has(queue, name)


def _credential(authorization: str | None) -> str:
    """The key or token of the header; empty if there is none."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _holder_of(token: Token) -> Caller:
    # The issuer writes scopes of other services into the same claim.
    return Caller(token.namespace, token.scopes & _KNOWN, f"{_TOKEN}{token.subject or ''}")


def _caller_of(key: AccessKey) -> Caller:
    return Caller(key.namespace, key.scopes, key.id, key.reach, key.expires_at)


class Authenticator:
    """Identifies callers. With `open_namespace` (auth off), every caller has full access to it."""

    def __init__(
        self, keys: AccessKeys, clock: Clock, open_namespace: str | None, tokens: Tokens | None = None
    ) -> None:
        self.keys = keys
        self.tokens = tokens
        self._clock = clock
        self._open = None if open_namespace is None else Caller(open_namespace, frozenset(SCOPES), None)
        self._cache: dict[str, tuple[float, AccessKey | None]] = {}
        #: When the store last failed to respond; monotonic time.
        self._away_at = -math.inf
        #: When this process last recorded the use of a key, by its id; monotonic time.
        self._noted: dict[str, float] = {}

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
        if self._has_expired(key):
            raise CredentialRefused("The API key has expired.")
        return _caller_of(key)

    def recall(self, authorization: str | None) -> Caller | None:
        """The result of `identify` from its cache; None if that would read Redis or raise."""
        if self._open is not None:
            return self._open
        credential = _credential(authorization)
        if self.tokens is not None and credential.count(".") == 2 and not credential.startswith(_PREFIX):
            token = self.tokens.recall(credential)
            return None if token is None else _holder_of(token)
        at, key = self._cache.get(digest(credential), (0.0, None))
        if key is None or self._clock.monotonic() - at >= CACHE_SECONDS or self._has_expired(key):
            return None
        return _caller_of(key)

    def remembers(self, authorization: str | None) -> bool:
        """Whether these credentials were valid recently or are not required, so that it cannot be a guess."""
        credential = _credential(authorization)
        if self._open is not None or not credential:
            return True
        if self.tokens is not None and self.tokens.remembers(credential):
            return True
        return self._cache.get(digest(credential), (0.0, None))[1] is not None

    def _has_expired(self, key: AccessKey) -> bool:
        return key.expires_at is not None and key.expires_at <= self._clock.now_ms()

    async def _note_use(self, key: AccessKey, now: float) -> None:
        if now - self._noted.get(key.id, -NOTE_USE_SECONDS) < NOTE_USE_SECONDS:
            return
        if len(self._noted) >= _CACHE_SIZE:
            self._noted.clear()
        self._noted[key.id] = now
        # The time is information for people: a Redis that is full must not refuse the key.
        with contextlib.suppress(TriageError):
            await self.keys.note_used(key.id, self._clock.now_ms())

    async def _find(self, digest: str) -> AccessKey | None:
        now = self._clock.monotonic()
        at, key = self._cache.get(digest, (now - CACHE_SECONDS, None))
        if now - at < CACHE_SECONDS:
            return key
        known = key if now - at < AWAY_SECONDS else None
        if known is not None and now - self._away_at < AWAY_PAUSE:
            return known
        try:
            key = await self.keys.find(digest)
        except BackendUnavailable:
            self._away_at = self._clock.monotonic()
            if known is None:
                raise
            return known
        if key is not None and not re.fullmatch(NAMESPACE_PATTERN, key.namespace):
            key = None  # it could reach Redis keys of another namespace
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[digest] = (now, key)
        if key is not None and not self._has_expired(key):
            await self._note_use(key, now)
        return key
