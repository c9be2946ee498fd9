"""Connects to Redis, always with time-outs, because a frozen server must not freeze its callers.

A client of Sentinel or of a cluster is redis-py's ordinary one over connections to the present master
(service/store/redis/routing), so that scripts, transactions, blocking calls and subscriptions work alike.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, cast

import hiredis
from redis import Connection as BlockingConnection
from redis import Redis as BlockingRedis
from redis import cluster as blocking_cluster
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio import cluster as async_cluster
from redis.connection import parse_url
from redis.exceptions import RedisError

from service.redis_url import Address, RedisUrl, kind_of, parse_redis_url
from service.store.redis.certificates import RenewsCertificates
from service.store.redis.errors import translate
from service.store.redis.routing import blocking
from service.store.redis.routing.layout import slot_of
from service.store.redis.routing.masters import REPLY_SECONDS, Masters, question
from service.store.redis.routing.pools import ReportsErrors, RoutedRedis, ServerPool, ServerPools

#: For annotations outside the store, which does not import redis-py.
RedisClient = Redis
BlockingClient = BlockingRedis

#: Timeout of one call in seconds. Scripts.run sends a call at most twice, so callers wait at most twice this.
SOCKET_TIMEOUT = 0.7


def connect(
    url: str,
    *,
    socket_timeout: float = SOCKET_TIMEOUT,
    max_connections: int = 50,
    peer: Redis | None = None,
) -> Redis:
    """A pool of asyncio connections; a caller beyond the maximum waits for one, at most `socket_timeout`.

    `peer`: another client of the same process and URL. Both learn of a failover when one does.
    """
    if kind_of(url) == "server":
        return Redis.from_pool(cast(Any, _pool(url, socket_timeout, max_connections)))
    parsed = parse_redis_url(url)

    def create(address: Address) -> ServerPool:
        parser = {"parser_class": async_cluster.ClusterParser} if parsed.kind == "cluster" else {}
        pool = _pool(parsed.at(address), socket_timeout, max_connections, ServerPool, **parser)
        pool.connection_class = _reporting(pool.connection_class)
        return pool

    if isinstance(peer, RoutedRedis):
        masters = peer.servers.masters
    else:
        masters = Masters(parsed, question(parsed, _question_options(parsed)))
    return RoutedRedis.over(ServerPools(masters, create))


def client_for(redis: Redis, key: str) -> Redis:
    """A client for all keys in the slot of this one; in a cluster, the client itself serves no keys."""
    return redis.for_key(key) if isinstance(redis, RoutedRedis) else redis


def master_of(redis: Redis, key: str) -> str:
    """The address of the master that has this key, if known; empty if there is only one server."""
    layout = redis.servers.masters.known if isinstance(redis, RoutedRedis) else None
    return "" if layout is None else "{}:{}".format(*layout.master(slot_of(key)))


async def each_master(redis: Redis) -> list[tuple[str, Redis]]:
    """A client for each master of a cluster, with its address; just the client if there is only one server.

    Raises ConnectionError.
    """
    if not isinstance(redis, RoutedRedis):
        return [("", redis)]
    return [(f"{host}:{port}", client) for (host, port), client in await redis.for_masters()]


Pool = TypeVar("Pool", bound=BlockingConnectionPool)


def _pool(
    url: str,
    socket_timeout: float,
    max_connections: int,
    pool_class: type[Pool] = BlockingConnectionPool,
    **options: Any,
) -> Pool:
    pool = pool_class.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=min(socket_timeout, SOCKET_TIMEOUT),
        max_connections=max_connections,
        timeout=socket_timeout,
        **_keepalive(url),
        **options,
    )
    pool.connection_class = _amended(pool.connection_class)
    return pool


def _question_options(url: RedisUrl) -> dict[str, Any]:
    """Of a connection to a Sentinel or a server of the cluster that asks for the masters."""
    options: dict[str, Any] = dict(parse_url(url.at(url.nodes[0])))
    for name in ("host", "port", "db", "connection_class"):
        options.pop(name, None)
    if url.kind == "sentinel":
        options = {name: value for name, value in options.items() if name.startswith("ssl_")}
        options |= url.sentinel_options
    timeouts = {"socket_timeout": REPLY_SECONDS, "socket_connect_timeout": REPLY_SECONDS}
    return {**options, **timeouts, "ssl": url.tls}


class _Amended:
    """Fixes for redis-py's asyncio connections.

    They pack commands in Python, unlike the blocking connections; that took a fifth of a worker's CPU.

    They also wait for what cannot block: a task and a timer to write each command, and before each command a
    read that times out at once, in search of unread data. Both took two fifths of the CPU time of a call.
    """

    def pack_command(self, *arguments: Any) -> list[bytes]:
        # A command name of redis-py may have two words, such as CONFIG GET.
        name = arguments[0]
        words = name.encode().split() if isinstance(name, str) else name.split()
        command: Any = (*words, *arguments[1:])
        return [hiredis.pack_command(command)]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        connection: Any = self
        if connection.is_connected and isinstance(command, list):
            if check_health:
                await connection.check_health()
            writer = connection._writer
            if not writer.is_closing() and _has_room(writer.transport, command):
                # redis-py's own way, below, reports a connection that fails here.
                with contextlib.suppress(RuntimeError, OSError):
                    return writer.writelines(command)
        await cast(Any, super()).send_packed_command(command, check_health)

    async def can_read_destructive(self) -> bool:
        connection: Any = self
        stream = connection._reader
        if stream is None or stream._buffer or stream._eof or stream.exception() is not None:
            return await cast(Any, super()).can_read_destructive()
        return connection._parser._reader.has_data()

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        try:
            await cast(Any, super())._send_packed_command(command)
        except RuntimeError as error:
            # uvloop's transport raises this after a reset by the peer. redis-py does not treat it as a
            # connection error, so it would reach the caller.
            raise ConnectionResetError(str(error)) from error


def _has_room(transport: asyncio.WriteTransport, command: list[bytes]) -> bool:
    """Whether the transport takes the command without a wait for the other side to read."""
    _, high = transport.get_write_buffer_limits()
    return transport.get_write_buffer_size() + sum(map(len, command)) <= high


@cache
def _amended(connection: type[Any]) -> type[Any]:
    amendments = (_Amended, RenewsCertificates) if issubclass(connection, SSLConnection) else (_Amended,)
    return type(connection.__name__, (*amendments, connection), {})


@cache
def _reporting(connection: type[Any]) -> type[Any]:
    return type(connection.__name__, (ReportsErrors, connection), {})


def connect_blocking(url: str, *, socket_timeout: float = SOCKET_TIMEOUT) -> BlockingRedis:
    """A client for the heartbeat thread, which must not depend on an event loop."""
    options = {"socket_timeout": socket_timeout, "socket_connect_timeout": SOCKET_TIMEOUT, **_keepalive(url)}
    if kind_of(url) == "server":
        return BlockingRedis.from_url(url, **options)
    parsed = parse_redis_url(url)
    if parsed.kind == "cluster":
        options["parser_class"] = blocking_cluster.ClusterParser
    given = dict(parse_url(parsed.at(parsed.nodes[0])))
    connection = cast(type[Any], given.pop("connection_class", BlockingConnection))
    servers = blocking.Servers(
        parsed,
        blocking.question(parsed, _question_options(parsed)),
        connection_class=type(connection.__name__, (blocking.ReportsErrors, connection), {}),
        **given,
        **options,
    )
    return BlockingRedis(connection_pool=blocking.MasterPool(servers, 0))


def blocking_client_for(redis: BlockingRedis, key: str) -> BlockingRedis:
    """A client for all keys in the slot of this one, over the same connections."""
    pool = redis.connection_pool
    if not isinstance(pool, blocking.MasterPool):
        return redis
    return BlockingRedis(connection_pool=blocking.MasterPool(pool.servers, slot_of(key)))


def server_of(redis: BlockingRedis) -> str:
    """The address of the master that last served this client; empty if there is only one server."""
    pool = redis.connection_pool
    return pool.server if isinstance(pool, blocking.MasterPool) else ""


def _keepalive(url: str) -> dict[str, Any]:
    return {} if url.startswith("unix:") else {"socket_keepalive": True, "health_check_interval": 30}


async def ping(redis: Redis) -> None:
    """Raises BackendUnavailable when Redis does not respond."""
    try:
        await cast(Any, redis).ping()
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error


async def memory_use(redis: Redis) -> dict[str, tuple[int, int]]:
    """The memory that a server uses, and its maxmemory, in bytes, by its address; 0 for no limit.

    In a cluster, of each master that responds. Without servers that hide it.
    """
    found: dict[str, tuple[int, int]] = {}
    try:
        clients = await each_master(redis)
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error
    for address, client in clients:
        with contextlib.suppress(RedisError, OSError):
            memory = await cast(Any, client).info("memory")
            found[address] = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    return found
