"""`triage api`: one process that serves HTTP."""

import os
import socket

import uvicorn

from service.api.app import create_app
from service.clock import Clock
from service.domain.ids import IdFactory
from service.garbage import collect_rarely
from service.settings import Settings
from service.store.connect import connect

#: Seconds that open requests get at shutdown; without it uvicorn waits for open streams for ever.
SHUTDOWN_SECONDS = 10


class Server(uvicorn.Server):
    """Lets garbage collection look at requests alone once it has started."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collect_rarely()


def build_server(settings: Settings) -> uvicorn.Server:
    """A server that is not running yet."""
    clock = Clock()
    redis = connect(settings.redis_url)
    app = create_app(settings, redis, clock, IdFactory(clock.now_ms, os.urandom))
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=16_384,
            backlog=2048,
        )
    )


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = build_server(settings)
    server.run()
