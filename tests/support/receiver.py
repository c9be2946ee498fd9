"""A receiver of webhooks: a real HTTP server that verifies signatures and records what it gets."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson
from standardwebhooks.webhooks import Webhook

from service.tasks import end


@dataclass(frozen=True, slots=True)
class Received:
    """A request with a valid signature."""

    id: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def resource(self) -> str:
        return self.body["data"]["id"]

    @property
    def type(self) -> str:
        return self.body["type"]


class Receiver:
    """Responds to each request with the bytes that `respond` returns for it; None leaves it open."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets: list[str] = []
        self.received: list[Received] = []
        #: Requests that no secret has signed.
        self.forged = 0
        #: Open requests by path and resource, and whether two with the same ones overlapped.
        self.open: set[str] = set()
        self.overlapped = False
        self.respond: Callable[[Received], bytes | None] = lambda _: status(204)
        self._connections: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # The worker was killed, or the test has ended.
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        if not self._is_signed(body, headers):
            self.forged += 1
            writer.write(status(401))
            return
        found = Received(headers["webhook-id"], first.split(" ")[1], headers, orjson.loads(body))
        self.received.append(found)
        line = f"{found.path} {found.body['data'].get('id')}"
        self.overlapped = self.overlapped or line in self.open
        self.open.add(line)
        try:
            response = self.respond(found)
            if response is None:
                await reader.read()
            else:
                writer.write(response)
                await writer.drain()
        finally:
            self.open.discard(line)

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except Exception:
                continue
            return True
        return False

    async def close(self) -> None:
        await end(self._connections)


def status(code: int, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} X", "content-length: 0", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@asynccontextmanager
async def receiving(*secrets: str) -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    receiver.secrets += secrets
    listener = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, backlog=1_000)
    receiver.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/events"
    yield receiver
    listener.close()
    await listener.wait_closed()
    await receiver.close()
