"""Starts the servers of a run: a new one for each measurement, and some with backlogs for the whole run."""

import contextlib
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer

Kept = TypeVar("Kept")
#: A rewrite of the append-only file would occupy a core for seconds, at a random time.
OPTIONS = ("--auto-aof-rewrite-percentage", "0")


@dataclass(frozen=True, slots=True)
class Server:
    """A Valkey with an append-only file, with a client and a folder for notes."""

    url: str
    redis: Any
    directory: Path


class Bench:
    """Servers for measurements, which stop at the end of the block."""

    def __init__(
        self, directory: Path | None = None, binary: Path | None = None, fsync: str = "everysec"
    ) -> None:
        """`fsync`: when the append-only file is synced, as in Redis's `appendfsync`."""
        self._directory, self._binary = directory, binary
        self._options = (*OPTIONS, "--appendfsync", fsync)
        self._kept: dict[str, Any] = {}
        self._stack = contextlib.AsyncExitStack()
        self._root = Path()
        self._servers = 0

    async def __aenter__(self) -> Self:
        folder = tempfile.TemporaryDirectory(dir=self._directory, prefix="triage-bench-")
        self._root = Path(self._stack.enter_context(folder))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def server(self) -> AsyncGenerator[Server]:
        """An empty server for one measurement."""
        self._servers += 1
        directory = self._root / str(self._servers)
        with EmbeddedServer(directory, self._binary, self._options) as server:
            redis = connect(server.url, socket_timeout=60)
            try:
                yield Server(server.url, redis, directory)
            finally:
                await redis.aclose()

    async def kept(self, name: str, make: Callable[[Server], Awaitable[Kept]]) -> Kept:
        """The result of `make`, which gets its own server; made once and used in each round."""
        if name not in self._kept:
            server = await self._stack.enter_async_context(self.server())
            self._kept[name] = await make(server)
        return self._kept[name]
