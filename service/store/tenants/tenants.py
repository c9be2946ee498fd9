"""Stores the records of namespaces. Each lies in its own namespace; an index has their names."""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.errors import NamespaceExists, NamespaceNotEmpty, NotFound, VersionMismatch
from service.domain.tenant import OF_SCRIPTS, Policy, Tenant, Usage
from service.store.codec.fields import text, texts
from service.store.codec.tenants import decode_tenant, decode_usage, encode_policy
from service.store.cursors import decode_cursor, encode_cursor
from service.store.redis import keys
from service.store.redis.connect import client_for, master_of
from service.store.redis.key_groups import tenant_keys
from service.store.redis.routing.repeats import repeat
from service.store.redis.scripts import Argument, Scripts
from service.store.tenants.access_keys import AccessKeys

_INDEX = tenant_keys.namespaces(keys.ACCESS_PREFIX)
_FIELDS = ("version", "created_at", "definition")
#: Targets of callbacks that one call of a deletion forgets.
TARGETS = 500


class Tenants:
    """The namespaces with a record, on one Redis. Changes work even if Redis is full."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._access = Scripts(redis, prefix=keys.ACCESS_PREFIX)

    async def create(self, name: str, policy: Policy, description: str) -> Tenant:
        """Raises NamespaceExists."""
        # First the index: a name without a record does not show, and creating it again completes it.
        await self._access.run("index_namespace", [name, 1])
        try:
            return await self._put(name, 0, policy, description)
        except VersionMismatch:
            raise NamespaceExists() from None

    async def change(self, before: Tenant, policy: Policy, description: str) -> Tenant:
        """Raises VersionMismatch if it has changed since `before`."""
        return await self._put(before.name, before.version, policy, description)

    async def _put(self, name: str, version: int, policy: Policy, description: str) -> Tenant:
        limits = {quota: policy.quota(quota) for quota in OF_SCRIPTS}
        retention = policy.retention_seconds
        defaults = b"" if retention is None else orjson.dumps({"retention_seconds": retention})
        arguments: list[Argument] = [version, encode_policy(policy, description), defaults]
        for quota, limit in limits.items():
            if limit is not None:
                arguments += [quota, limit]
        word, _ = await Scripts(self._redis, name).run("put_namespace", arguments)
        if text(word) == "version":
            raise VersionMismatch()
        return await self.get(name)

    async def get(self, name: str) -> Tenant:
        """Raises NotFound."""
        (found,) = await self._read([name])
        if found is None:
            raise NotFound()
        return found

    async def find(self, name: str) -> Tenant | None:
        return (await self._read([name]))[0]

    async def usage(self, name: str) -> Usage | None:
        """None for a namespace without quotas."""
        return decode_usage(await Scripts(self._redis, name).run("read_usage", []))

    async def page(self, limit: int, cursor: str | None) -> "tuple[list[Tenant], str | None]":
        """By name, and the cursor of the next page."""
        after = f"({decode_cursor(cursor, 1)[0]}" if cursor else "-"
        members = texts(await _call(self._index.zrangebylex, _INDEX, after, "+", 0, limit + 1))
        found = await self._read(members[:limit])
        following = encode_cursor(members[limit - 1]) if len(members) > limit else None
        return [tenant for tenant in found if tenant is not None], following

    async def names(self) -> list[str]:
        return texts(await _call(self._index.zrange, _INDEX, 0, -1))

    async def stored_bytes(self, masters: Collection[str]) -> dict[str, dict[str, int]]:
        """What each namespace with quotas stores, for these masters of a cluster (connect.master_of)."""
        on = {name: self._master(name) for name in await self.names()}
        names = [name for name, master in on.items() if master in masters]
        rows = await asyncio.gather(
            *(
                _call(self._client(name).hget, tenant_keys.quotas(keys.prefix(name)), "used_bytes")
                for name in names
            )
        )
        found: dict[str, dict[str, int]] = {master: {} for master in masters}
        for name, row in zip(names, rows, strict=True):
            if row is not None:
                found[on[name] or ""][name] = int(row)
        return found

    async def delete(self, name: str) -> None:
        """Delete an empty namespace with its webhooks, and revoke its API keys.

        Repeat it after an error. Raises NotFound and NamespaceNotEmpty.
        """
        while (word := text(await Scripts(self._redis, name).run("delete_namespace", [TARGETS]))) == "more":
            pass
        if word == "not_empty":
            raise NamespaceNotEmpty()
        # The name leaves the index last, so it is still there if a deletion was interrupted.
        if word == "missing" and await _call(self._index.zscore, _INDEX, name) is None:
            raise NotFound()
        # Without a record, a key of the namespace would have no quotas.
        access = AccessKeys(self._redis)
        while found := (await access.page(name, 200, None))[0]:
            for key in found:
                await access.revoke(key.id)
        await self._access.run("index_namespace", [name, ""])

    async def _read(self, names: Sequence[str]) -> "list[Tenant | None]":
        rows = await asyncio.gather(
            *(
                _call(self._client(name).hmget, tenant_keys.namespace(keys.prefix(name)), _FIELDS)
                for name in names
            )
        )
        return [decode_tenant(name, row) for name, row in zip(names, rows, strict=True)]

    @property
    def _index(self) -> Any:
        return self._access.redis

    def _master(self, name: str) -> str | None:
        try:
            return master_of(self._redis, keys.prefix(name))
        except RedisError:
            return None  # Its slot has no master.

    def _client(self, name: str) -> Any:
        """Each namespace is on its own master of a cluster."""
        return client_for(self._redis, keys.prefix(name))


async def _call(method: Any, *arguments: Any) -> Any:
    try:
        return await method(*arguments)
    except (RedisError, OSError) as error:
        return await repeat(partial(method, *arguments), error, wrote=False)
