"""The counts of all processes, which the supervisor adds up.

A process hands over its counts and counts from 0 again, so a crash loses at most one second of counts.
Whichever process a scrape reaches, no counter goes down.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Self

import orjson

from service.api.context import NAMESPACE_SECONDS
from service.api.metrics.http_metrics import HttpMetrics
from service.api.processes import frames
from service.api.responses.errors import ShuttingDown

#: How often a process hands over its counts, in seconds.
INTERVAL = 1.0


class Totals:
    """The supervisor's end."""

    def __init__(self, home: str, monotonic: Callable[[], float]) -> None:
        """`home` is the API's namespace; see HttpMetrics."""
        self.http = HttpMetrics(home)
        self._monotonic = monotonic
        self._used_at: dict[str, float] = {}

    async def serve(self, end: socket.socket) -> None:
        """Serve one process until it closes the connection."""
        reader, writer = await asyncio.open_connection(sock=end)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                request = orjson.loads(await frames.read(reader))
                self.http.add(request["counted"])
                self._forget_idle(request["counted"])
                if request["page"]:
                    frames.write(writer, await self.http.page(request["namespace"]))
                    await writer.drain()

    def _forget_idle(self, used: dict[str, object]) -> None:
        now = self._monotonic()
        self._used_at |= dict.fromkeys(used, now)
        for namespace, used_at in list(self._used_at.items()):
            if now - used_at > NAMESPACE_SECONDS:
                del self._used_at[namespace]
                self.http.forget(namespace)


class TotalsClient:
    """The end of a process that serves requests."""

    def __init__(self, http: HttpMetrics, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._http = http
        self._reader = reader
        self._writer = writer
        self._scrape = asyncio.Lock()

    @classmethod
    async def connect(cls, http: HttpMetrics, end: socket.socket) -> Self:
        return cls(http, *await asyncio.open_connection(sock=end))

    async def hand_over(self) -> None:
        """Hand over the counts every second; returns once the supervisor has ended."""
        while not self._reader.at_eof():
            frames.write(self._writer, frames.request(self._http.dump_and_reset()))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            await asyncio.sleep(INTERVAL)

    async def page(self, namespace: str | None) -> bytes:
        """The metrics of the requests of all processes; see HttpMetrics.page. Raises ShuttingDown."""
        # If the client hangs up, its reply must still be read: the next scrape would get it.
        return await asyncio.shield(asyncio.ensure_future(self._page(namespace)))

    async def _page(self, namespace: str | None) -> bytes:
        async with self._scrape:
            frames.write(
                self._writer, frames.request(self._http.dump_and_reset(), page=True, namespace=namespace)
            )
            try:
                return await frames.read(self._reader)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise ShuttingDown() from error

    async def close(self) -> None:
        """Hand over the rest."""
        frames.write(self._writer, frames.request(self._http.dump_and_reset()))
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
