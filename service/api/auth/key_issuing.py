"""Creates, rotates and revokes API keys, for the API and the command line."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from service.api.auth.credentials import Caller, digest, new_secret
from service.api.responses.errors import KeyRestricted, ScopeMissing
from service.clock import Clock
from service.domain.access_key import AccessKey, Reach
from service.domain.errors import NotFound
from service.domain.ids import IdFactory
from service.store.tenants.access_keys import AccessKeys

log = structlog.get_logger("triage.keys")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key as requested; `expires_at` is unix ms."""

    name: str
    namespace: str
    scopes: Collection[str]
    reach: Reach | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its secret, which is not stored."""

    key: AccessKey
    secret: str


class KeyIssuer:
    """`caller` is the API key or token that asks; None for the command line, which may do anything.

    A caller manages the keys of its own namespace, and creates or rotates only keys that permit nothing that
    it may not do itself.
    """

    def __init__(self, keys: AccessKeys, clock: Clock, ids: IdFactory, caller: Caller | None = None) -> None:
        self._keys = keys
        self._clock = clock
        self._ids = ids
        self._caller = caller

    async def create(self, spec: KeySpec) -> Issued:
        """Raises ScopeMissing, KeyRestricted and QuotaExceeded."""
        self._check(frozenset(spec.scopes), spec.reach, spec.expires_at)
        caller = self._caller
        key = AccessKey(
            id=self._ids.new("key"),
            name=spec.name,
            namespace=spec.namespace,
            scopes=frozenset(spec.scopes),
            created_at=self._clock.now_ms(),
            reach=spec.reach,
            expires_at=spec.expires_at,
            created_by=None if caller is None else caller.key_id,
        )
        secret = new_secret()
        await self._keys.create(key, digest(secret))
        self._note("api_key_created", key.id)
        return Issued(key, secret)

    async def find(self, id: str) -> AccessKey:
        """Raises NotFound, also for a key of another namespace or beyond the caller's restriction."""
        key, caller = await self._keys.get(id), self._caller
        if key is None or (caller is not None and not can_see(caller, key)):
            raise NotFound()
        return key

    async def rotate(self, id: str, overlap_ms: int) -> Issued:
        """A new secret for the key; the current one is valid for `overlap_ms` more.

        Raises NotFound, ScopeMissing and KeyRestricted.
        """
        key = await self.find(id)
        self._check(key.scopes, key.reach, key.expires_at)
        secret = new_secret()
        rotated = await self._keys.rotate(id, digest(secret), overlap_ms, self._clock.now_ms())
        self._note("api_key_rotated", id)
        return Issued(rotated, secret)

    async def revoke(self, id: str) -> None:
        """Raises NotFound."""
        await self.find(id)
        await self._keys.revoke(id)
        self._note("api_key_revoked", id)

    def _check(self, scopes: frozenset[str], reach: Reach | None, expires_at: int | None) -> None:
        """Raises the error for a key that permits more than the caller may do."""
        caller = self._caller
        if caller is None:
            return
        if missing := sorted(scopes - caller.scopes):
            message = f"Only a caller with the scope {missing[0]} can grant it."
            raise ScopeMissing(message, required_scope=missing[0])
        if caller.reach is not None and not caller.reach.covers(reach):
            raise KeyRestricted("A restricted API key can only grant access to its own queues and job types.")
        if caller.expires_at is not None and (expires_at is None or expires_at > caller.expires_at):
            raise KeyRestricted("An API key that expires can only grant access until it expires itself.")

    def _note(self, event: str, id: str) -> None:
        # The command line prints what it has done.
        if self._caller is not None:
            log.info(event, id=id, by=self._caller.logged_as)


def can_see(caller: Caller, key: AccessKey) -> bool:
    in_reach = caller.reach is None or caller.reach.covers(key.reach)
    return key.namespace == caller.namespace and in_reach
