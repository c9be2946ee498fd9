"""One of several API processes: `python -m service.api.processes.process TOTALS LISTENER...`.

The arguments are the descriptors of open sockets, which the supervisor passes on.
"""

import asyncio
import functools
import os
import socket
import sys

import structlog
import uvicorn

from service.api.context import AppState
from service.api.main import Server, build_server
from service.api.processes.totals import TotalsClient
from service.exit_codes import reporting_configuration
from service.settings import load_settings
from service.tasks import end
from service.telemetry.logs import configure_logs
from service.telemetry.tracer import configure_tracing

log = structlog.get_logger("triage.api")


class SupervisedServer(Server):
    """Hands its counts over, and stops once the supervisor has ended, whatever ended it."""

    def __init__(self, totals: socket.socket, config: uvicorn.Config, app_state: AppState) -> None:
        super().__init__(config, app_state)
        self._socket = totals
        self._metrics = app_state.metrics

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._totals = self._metrics.requests = await TotalsClient.connect(self._metrics.http, self._socket)
        self._following = asyncio.create_task(self._follow())
        await super().startup(sockets)
        log.info("api_process_started", pid=os.getpid())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await end([self._following])
        await self._totals.close()

    async def _follow(self) -> None:
        await self._totals.hand_over()
        self.should_exit = True


def main() -> None:
    """Exit with 78 if the configuration is invalid."""
    totals, *listeners = [socket.socket(fileno=int(argument)) for argument in sys.argv[1:]]
    with reporting_configuration():
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        configure_tracing("triage-api")
        build_server(settings, functools.partial(SupervisedServer, totals)).run(listeners)


if __name__ == "__main__":
    main()
