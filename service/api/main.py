"""`triage api`: one process that serves HTTP."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn

from service.api.app import create_app
from service.api.context import AppState
from service.api.requests.protocol import BoundedProtocol
from service.clock import Clock
from service.domain.ids import IdFactory
from service.gc_tuning import collect_rarely
from service.listening import listening
from service.settings import Settings
from service.store.redis.connect import connect
from service.store.redis.server_check import check_server

log = structlog.get_logger("triage.api")

#: How long open requests may take at shutdown, in seconds: uvicorn would wait forever for event streams.
SHUTDOWN_SECONDS = 10
#: How long a thread that checks a payload may keep the event loop waiting: a tenth of Python's default, in
#: seconds.
SWITCH_SECONDS = 0.0005


class Server(uvicorn.Server):
    """Responds to waiting requests at shutdown, and tunes Python at startup."""

    def __init__(self, config: uvicorn.Config, app_state: AppState) -> None:
        super().__init__(config)
        self._backend = app_state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Otherwise long polls would delay the shutdown.
        self._backend.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Like uvicorn's, which also kills the process with the same signal; this one exits with 0."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        else:
            self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises ConfigurationInvalid if it cannot listen."""
        with listening("TRIAGE_PORT", self.config):
            await super().startup(sockets)
        collect_rarely()
        sys.setswitchinterval(SWITCH_SECONDS)


def build_server(settings: Settings, new: Callable[[uvicorn.Config, AppState], Server] = Server) -> Server:
    """Build a server without starting it."""
    clock = Clock()
    redis = connect(settings.redis_url)
    app = create_app(settings, redis, clock, IdFactory(clock.now_ms, os.urandom))
    return new(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=type("Protocol", (BoundedProtocol,), {"seconds": settings.request_seconds}),
            ws="none",
            access_log=False,
            # Refusals are counted per client address, so a client must not be able to set it with a header.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            timeout_keep_alive=75,
            backlog=2048,
        ),
        app.state.app_state,
    )


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigurationInvalid for a Redis with unsuitable settings."""
    wait_for_redis(settings)
    build_server(settings).run()


def wait_for_redis(settings: Settings) -> None:
    """Wait while the server starts. Raises ConfigurationInvalid for one with unsuitable settings."""
    check = check_server(settings.redis_url, patient=True, namespace=settings.namespace, access=True)
    if (problem := asyncio.run(check)) is not None:
        log.warning("redis_not_usable", problem=problem)
