"""Connections send what redis-py would, and a closed one or one with an unread reply is replaced."""

from typing import Any
from unittest import mock

import pytest
from redis.asyncio import Connection
from redis.exceptions import ConnectionError

from service.store.redis.connect import connect
from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "arguments",
    [
        ("SET", b"key", b"\x00\r\n\xff", "é", 12, -1.5),
        ("CONFIG GET", "maxmemory"),
        (b"EVALSHA", "", 0),
    ],
)
async def test_a_packed_command_is_the_one_that_redis_py_would_send(arguments: tuple[Any, ...]) -> None:
    pool: Any = connect("redis://127.0.0.1:1").connection_pool
    packed = b"".join(pool.make_connection().pack_command(*arguments))
    assert packed == b"".join(Connection().pack_command(*arguments))


async def test_large_arguments_arrive_whole(redis_url: str, namespace: str) -> None:
    redis: Any = connect(redis_url)
    value = bytes(range(256)) * 4_096
    await redis.set(namespace, value)
    assert await redis.get(namespace) == value
    await redis.delete(namespace)
    await redis.aclose()


async def test_a_connection_that_the_server_has_closed_is_replaced_before_a_call(redis_url: str) -> None:
    redis: Any = connect(redis_url)
    other: Any = connect(redis_url)
    own = await redis.client_id()
    (connection,) = redis.connection_pool._available_connections
    await other.client_kill_filter(_id=str(own))

    def noticed() -> None:
        assert connection._reader.at_eof()

    await eventually(noticed)
    assert await redis.client_id() != own
    await redis.aclose()
    await other.aclose()


async def test_a_transport_that_fails_at_a_write_is_a_connection_error(redis_url: str) -> None:
    # As uvloop's does after a reset by the peer.
    def fail(*_: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    redis: Any = connect(redis_url)
    connection = await redis.connection_pool.get_connection()
    with (
        mock.patch.object(connection._writer, "writelines", fail),
        pytest.raises(ConnectionError, match="the handler is closed"),
    ):
        await connection.send_command("PING")
    await redis.aclose()


async def test_a_reply_that_nobody_has_read_is_not_the_reply_to_the_next_call(redis_url: str) -> None:
    redis: Any = connect(redis_url)
    pool = redis.connection_pool
    connection = await pool.get_connection()
    await connection.send_command("ECHO", "old")
    await pool.release(connection)

    def arrived() -> None:
        assert connection._reader._buffer

    await eventually(arrived)
    assert await redis.echo("new") == b"new"
    await redis.aclose()
