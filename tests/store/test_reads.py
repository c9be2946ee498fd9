"""A read that loses its connection is sent once more; a second loss reaches the caller."""

from typing import Any
from unittest import mock

import pytest
from redis.exceptions import ConnectionError, ResponseError

from service.domain.errors import BackendUnavailable, StoreFault
from service.store.namespace import Namespace
from tests.support.factories import submit

pytestmark = pytest.mark.anyio


def losing(store: Namespace, *errors: Exception) -> Any:
    """Raises the errors in place of the next replies of the store's connections."""
    connection: Any = store.scripts.redis.connection_pool.connection_class
    read, left = connection.read_response, list(errors)

    async def fail_first(self: Any, *args: Any, **options: Any) -> Any:
        reply = await read(self, *args, **options)
        if left:
            raise left.pop(0)
        return reply

    return mock.patch.object(connection, "read_response", fail_first)


@pytest.mark.parametrize("error", [ConnectionError("Connection closed by server."), ConnectionResetError()])
async def test_a_read_that_loses_its_connection_is_sent_once_more(store: Namespace, error: Exception) -> None:
    id = await submit(store)
    with losing(store, error):
        job = await store.queries.job(id)
    assert job is not None
    assert job.id == id


async def test_a_read_that_loses_two_connections_is_an_error(store: Namespace) -> None:
    id = await submit(store)
    # The handshake of the new connection, which only names the client, loses its reply first.
    lost = [ConnectionError("Connection closed by server.") for _ in range(4)]
    with losing(store, *lost), pytest.raises(BackendUnavailable):
        await store.queries.job(id)


async def test_a_read_that_redis_refuses_is_not_repeated(store: Namespace) -> None:
    id = await submit(store)
    with losing(store, ResponseError("ERR once")), pytest.raises(StoreFault):
        await store.queries.job(id)
