"""Connects to Redis, always with time-outs, because a frozen server must not freeze its callers."""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

import hiredis
from redis import Redis as BlockingRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import NoPermissionError, RedisError

from service.store.redis.errors import translate

#: For annotations outside the store, which does not import redis-py.
RedisClient = Redis

#: Timeout of one call in seconds. Scripts.run sends a call at most twice, so callers wait at most twice this.
SOCKET_TIMEOUT = 0.7


def connect(url: str, *, socket_timeout: float = SOCKET_TIMEOUT, max_connections: int = 50) -> Redis:
    """A pool of asyncio connections; a caller beyond the maximum waits for one, at most `socket_timeout`."""
    pool = BlockingConnectionPool.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=min(socket_timeout, SOCKET_TIMEOUT),
        max_connections=max_connections,
        timeout=socket_timeout,
        **_keepalive(url),
    )
    pool.connection_class = _amended(pool.connection_class)
    return Redis.from_pool(cast(Any, pool))


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
    return type(connection.__name__, (_Amended, connection), {})


def connect_blocking(url: str, *, socket_timeout: float = SOCKET_TIMEOUT) -> BlockingRedis:
    """A client for the heartbeat thread, which must not depend on an event loop."""
    return BlockingRedis.from_url(
        url, socket_timeout=socket_timeout, socket_connect_timeout=SOCKET_TIMEOUT, **_keepalive(url)
    )


def _keepalive(url: str) -> dict[str, Any]:
    return {} if url.startswith("unix:") else {"socket_keepalive": True, "health_check_interval": 30}


async def ping(redis: Redis) -> None:
    """Raises BackendUnavailable when Redis does not respond."""
    try:
        await cast(Any, redis).ping()
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error


async def memory_use(redis: Redis) -> tuple[int, int]:
    """The memory that the server uses, and its maxmemory, in bytes; 0 for no limit or unknown."""
    try:
        memory = await cast(Any, redis).info("memory")
    except NoPermissionError:
        return 0, 0
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error
    return int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))


async def eviction_policy(redis: Redis) -> str:
    """The server's maxmemory-policy; any value but `noeviction` lets Redis delete jobs."""
    try:
        memory = await cast(Any, redis).info("memory")
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error
    return str(memory.get("maxmemory_policy", "unknown"))
