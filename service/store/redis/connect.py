"""Connections to Redis: always with time-outs, because a frozen server must not freeze its callers."""

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

import hiredis
from redis import Redis as BlockingRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from service.store.redis.errors import translate

#: The client as other rooms may name it without knowing redis-py.
RedisClient = Redis

#: Seconds that one call may take; with the one resend of Scripts.run a caller waits at most twice this.
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
    """What redis-py's asyncio connections lack.

    Commands are packed in C, as by its blocking connections: in a profile of a worker a fifth of the samples
    was packing the arguments of its scripts in Python.

    They also wait for nothing that cannot block. redis-py makes a task and a timer to write each command, and
    before that looks for unread data by a read that times out at once: two fifths of the CPU time of a call.
    """

    def pack_command(self, *arguments: Any) -> list[bytes]:
        # redis-py's own commands may have two words, as in CONFIG GET.
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
            # A transport of uvloop that the other side has just reset says so in this way, and redis-py takes
            # it for no broken connection: it would end whoever has called.
            raise ConnectionResetError(str(error)) from error


def _has_room(transport: asyncio.WriteTransport, command: list[bytes]) -> bool:
    """Whether the transport takes the command without a wait for the other side to read."""
    _, high = transport.get_write_buffer_limits()
    return transport.get_write_buffer_size() + sum(map(len, command)) <= high


@cache
def _amended(connection: type[Any]) -> type[Any]:
    return type(connection.__name__, (_Amended, connection), {})


def connect_blocking(url: str, *, socket_timeout: float = SOCKET_TIMEOUT) -> BlockingRedis:
    """One connection for the heartbeat thread, which must not depend on an event loop."""
    return BlockingRedis.from_url(
        url, socket_timeout=socket_timeout, socket_connect_timeout=SOCKET_TIMEOUT, **_keepalive(url)
    )


def _keepalive(url: str) -> dict[str, Any]:
    return {} if url.startswith("unix:") else {"socket_keepalive": True, "health_check_interval": 30}


async def ping(redis: Redis) -> None:
    """Raises BackendUnavailable when Redis does not answer."""
    try:
        await cast(Any, redis).ping()
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error


async def eviction_policy(redis: Redis) -> str:
    """The server's maxmemory-policy; anything but `noeviction` lets Redis delete jobs behind our back."""
    try:
        memory = await cast(Any, redis).info("memory")
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error
    return str(memory.get("maxmemory_policy", "unknown"))
