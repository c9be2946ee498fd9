"""Connections to whichever server is the master of a slot, for redis-py's asyncio client."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.exceptions import ReadOnlyError, RedisError

from service.redis_url import Address
from service.store.redis.routing.layout import Layout, slot_of
from service.store.redis.routing.masters import Masters


class Demoted(ReadOnlyError):
    """The server that refused the write was the master; there is a new one, or will be soon."""


class ServerPool(BlockingConnectionPool):
    """Connections to one server, which report when it does not act as a master."""

    address: Address
    masters: Masters

    def make_connection(self) -> Any:
        connection: Any = super().make_connection()
        connection.server_pool = self
        return connection


class ReportsErrors:
    """For connections of a ServerPool."""

    server_pool: ServerPool

    async def connect(self) -> None:
        try:
            await cast(Any, super()).connect()
        except (RedisError, OSError) as error:
            self.server_pool.masters.on_error(self.server_pool.address, error)
            raise

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await cast(Any, super()).read_response(*arguments, **options)
        except (RedisError, OSError) as error:
            self.server_pool.masters.on_error(self.server_pool.address, error)
            if isinstance(error, ReadOnlyError):
                raise Demoted(*error.args) from error
            raise


class ServerPools:
    """One pool per master. When a server is no longer a master, its connections break, even those in use.

    Otherwise a blocked call would wait for the wake-ups of a server that gets none.
    """

    def __init__(self, masters: Masters, create: Callable[[Address], ServerPool]) -> None:
        self.masters = masters
        self._create = create
        self._pools: dict[Address, ServerPool] = {}
        self._closing: set[asyncio.Future[Any]] = set()
        masters.follow(self)

    def at(self, address: Address) -> ServerPool:
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = self._create(address)
            pool.address, pool.masters = address, self.masters
        return pool

    def on_layout(self, layout: Layout) -> None:
        for address in self._pools.keys() - layout.masters:
            closing = asyncio.ensure_future(_break(self._pools.pop(address)))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def disconnect(self, inuse_connections: bool) -> None:
        await self.masters.close()
        await asyncio.gather(*self._closing)
        for pool in self._pools.values():
            await pool.disconnect(inuse_connections)


async def _break(pool: ServerPool) -> None:
    await asyncio.gather(pool.disconnect(), return_exceptions=True)


class MasterPool(ConnectionPool):
    """The connections to the master of one slot. A call gets one from the pool of the present master."""

    def __init__(self, servers: ServerPools, slot: int) -> None:
        super().__init__()
        self._servers = servers
        self._slot = slot

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        layout = await self._servers.masters.layout()
        return await self._servers.at(layout.master(self._slot)).get_connection()

    async def release(self, connection: Any) -> None:
        await connection.server_pool.release(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await self._servers.disconnect(inuse_connections)


class RoutedRedis(Redis):
    """A client under Sentinel or of a cluster, for the keys of one slot."""

    servers: ServerPools

    @classmethod
    def over(cls, servers: ServerPools) -> "RoutedRedis":
        """A client for calls without keys. Closing it closes the connections of all others over them."""
        client = cast(RoutedRedis, cls.from_pool(MasterPool(servers, 0)))
        client.servers = servers
        return client

    def for_key(self, key: str) -> "RoutedRedis":
        """A client for the keys in the same slot, over the same connections."""
        client = RoutedRedis(connection_pool=MasterPool(self.servers, slot_of(key)))
        client.servers = self.servers
        return client

    async def for_masters(self) -> list[tuple[Address, Redis]]:
        """A client for each master, over the same connections; raises ConnectionError."""
        addresses = sorted((await self.servers.masters.layout()).masters)
        return [(found, Redis(connection_pool=cast(Any, self.servers.at(found)))) for found in addresses]
