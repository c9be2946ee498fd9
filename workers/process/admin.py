"""The worker's admin port: probes for Kubernetes, metrics for Prometheus, and drain from its own pod only."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import orjson
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.domain.errors import ConfigurationInvalid
from service.listening import listening

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Admin:
    """The ASGI application. `live` and `ready` return the problem, or None."""

    def __init__(
        self,
        live: Callable[[], str | None],
        ready: Callable[[], str | None],
        drain: Callable[[], None],
        metrics: CollectorRegistry,
    ) -> None:
        self._live = live
        self._ready = ready
        self._drain = drain
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        match (scope.get("method"), scope.get("path")):
            case ("GET" | "HEAD", "/livez"):
                await self._probe(send, self._live())
            case ("GET" | "HEAD", "/readyz"):
                await self._probe(send, self._ready())
            case ("GET", "/metrics"):
                await _respond(send, 200, generate_latest(self._metrics), CONTENT_TYPE_LATEST)
            case ("POST", "/drain") if not _is_local(scope):
                await _respond(send, 403, b'{"code":"loopback_only","status":403}')
            case ("POST", "/drain"):
                self._drain()
                await _respond(send, 202, b'{"status":"draining"}')
            case _:
                await _respond(send, 404, b'{"code":"not_found","status":404}')

    async def _probe(self, send: Send, problem: str | None) -> None:
        body = {"status": "ok"} if problem is None else {"status": "failing", "problem": problem}
        await _respond(send, 200 if problem is None else 503, orjson.dumps(body))


def _is_local(scope: Scope) -> bool:
    """Whether the request comes from this pod, such as from its preStop hook, and not from a web page."""
    if any(name == b"origin" for name, _ in scope["headers"]):
        return False
    host, _ = scope.get("client") or ("", 0)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


async def _respond(send: Send, status: int, body: bytes, content_type: str = "application/json") -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class AdminServer(uvicorn.Server):
    """uvicorn inside the worker's event loop; the worker keeps handling the signals."""

    def __init__(self, app: Admin, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                lifespan="off",
                access_log=False,
                # A forged X-Forwarded-For must not give access to /drain.
                proxy_headers=False,
                log_config=None,
                timeout_graceful_shutdown=1,
                ws="none",
            )
        )

    #: Done when the server has closed.
    serving: asyncio.Task[None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises ConfigurationInvalid if it cannot listen."""
        with listening("TRIAGE_WORKER_PORT", self.config):
            await super().startup(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    @property
    def port(self) -> int:
        """The port of the started server, also when the configured one is 0."""
        return int(self.servers[0].sockets[0].getsockname()[1])


async def start_admin(app: Admin, host: str, port: int) -> AdminServer:
    """Start a server; raises ConfigurationInvalid if it cannot listen. Set `should_exit` to stop it."""
    server = AdminServer(app, host, port)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
            raise ConfigurationInvalid(f"TRIAGE_WORKER_PORT: cannot listen on {host}:{port}.")
        await asyncio.sleep(0.005)
    server.serving = serving
    return server
