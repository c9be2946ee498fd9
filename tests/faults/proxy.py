"""A network between a process and Redis that can be made slow, lossy, or cut."""

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Weather:
    """What happens to bytes on their way; changes apply to existing connections as well."""

    #: The delay of each piece, in seconds, drawn between the two.
    latency: tuple[float, float] = (0.0, 0.0)
    #: One in this many pieces from Redis is lost, together with its connection.
    lose_reply: int = 0
    #: Nothing arrives, in both directions or only from Redis, and neither side gets an error.
    silence: bool = False
    silent_replies: bool = False
    #: Replies of Redis arrive byte by byte.
    sliced: bool = False


class Proxy:
    """Listens on a loopback port inside its `with` block, in its own thread."""

    def __init__(self, target: Path, seed: int = 0) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._weather = Weather()
        self._replies = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.port = 0
        #: The number of lost replies.
        self.lost = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection."""
        self._call(self._cut())

    def lead_to(self, target: Path) -> None:
        """Forward to another server from now on, and reset existing connections."""
        self._target = target
        self.cut()

    @contextlib.contextmanager
    def weather(self, **changes: Any) -> Generator[None]:
        before = self._weather
        self._weather = replace(before, **changes)
        try:
            yield
        finally:
            self._weather = before

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _close(self) -> None:
        # In the loop's thread, since a connection that ends at the same time detaches from the server.
        self._server.close()
        await self._cut()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_redis, from_redis = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, from_redis}
        dead = asyncio.Event()
        pumps = [
            asyncio.ensure_future(self._pump(reader, from_redis, dead, replies=False)),
            asyncio.ensure_future(self._pump(to_redis, writer, dead, replies=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._writers -= {writer, from_redis}
            writer.close()
            from_redis.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        dead: asyncio.Event,
        *,
        replies: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                weather = self._weather
                if weather.silence or (replies and weather.silent_replies):
                    # A stream that has lost bytes can never recover, so the connection stays mute.
                    dead.set()
                if dead.is_set():
                    continue
                if replies and weather.lose_reply and self._loses(weather.lose_reply):
                    _reset(writer)
                    return
                low, high = weather.latency
                if high:
                    await asyncio.sleep(self._random.uniform(low, high))
                await self._send(writer, piece, sliced=replies and weather.sliced)

    async def _send(self, writer: asyncio.StreamWriter, piece: bytes, *, sliced: bool) -> None:
        for part in [piece[i : i + 1] for i in range(len(piece))] if sliced else [piece]:
            writer.write(part)
            await writer.drain()

    def _loses(self, every: int) -> bool:
        self._replies += 1
        if self._replies % every:
            return False
        self.lost += 1
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Gives the other side ECONNRESET instead of an orderly end."""
    raw: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
