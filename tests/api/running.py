"""A real server on a socket, in the process of the test."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Any
from unittest import mock

import httpx

from service.api.context import AppState
from service.api.main import Server, build_server
from service.settings import Settings
from service.store.changes.change_feed import ChangeFeed
from service.store.namespace import Namespace
from tests.support.eventually import eventually

SECONDS = 0.5


class Running:
    """A server with its own socket; `say` opens a connection, sends bytes and reads until it is closed."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.task = asyncio.create_task(server.serve())

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def app_state(self) -> AppState:
        return self.server._backend

    def change_feed(self, store: Namespace) -> ChangeFeed:
        """The server's own change feed, for the namespace of the test."""
        return self.app_state.namespace_state(store.scripts.namespace).namespace.change_feed

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    async def say(self, *parts: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await asyncio.wait_for(reader.read(), 20)
        except ConnectionError:
            return await reader.read() if not reader.exception() else b""
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serve(redis_url: str, namespace: str, **settings: Any) -> AsyncGenerator[Running]:
    given: Any = {
        "auth": "off",
        "namespace": namespace,
        "redis_url": redis_url,
        "port": 0,
        "allowed_hosts": "triage,x",
        "request_seconds": SECONDS,
        **settings,
    }
    server = build_server(Settings(**given))
    with mock.patch.object(server, "capture_signals", _no_signals):
        running = Running(server)

        def started() -> None:
            assert server.started

        await eventually(started)
        yield running
        server.should_exit = True
        await running.task


@contextlib.contextmanager
def _no_signals() -> Generator[None]:
    """Leaves pytest's signal handlers in place."""
    yield
