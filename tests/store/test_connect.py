"""Our C packer encodes commands as redis-py does."""

from typing import Any

import pytest
from redis.asyncio import Connection

from service.store.redis.connect import connect

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
