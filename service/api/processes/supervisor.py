"""Starts the processes, replaces those that end, and stops them all."""

import asyncio
import contextlib
import signal
import socket
import sys
import time

import structlog

from service import exit_codes
from service.api.main import SHUTDOWN_SECONDS, wait_for_redis
from service.api.processes.listeners import listen
from service.api.processes.totals import Totals
from service.settings import Settings

#: The longest pause before a process that ended is replaced, in seconds; doubled from FIRST_PAUSE.
LONGEST_PAUSE = 30.0
FIRST_PAUSE = 0.1
#: A process that served this long is replaced without a longer pause, in seconds.
STEADY = 60.0
#: How long a process may take to end after SIGTERM, in seconds: open requests, and what else it must finish.
STOP_SECONDS = SHUTDOWN_SECONDS + 5

log = structlog.get_logger("triage.api")


class Supervisor:
    """Runs until SIGTERM or SIGINT; every process ends with it, even if it is killed."""

    def __init__(self, settings: Settings, listeners: list[list[socket.socket]]) -> None:
        self._listeners = listeners
        self._totals = Totals(settings.namespace, time.monotonic)
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stop = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        watching = [asyncio.create_task(self._supervise(index)) for index in range(len(self._listeners))]
        await self._stop.wait()
        # From now on, connections that no process accepts any more are refused instead of waiting here.
        for own in self._listeners:
            for listener in own:
                listener.close()
        for process in self._running.values():
            _send(process, signal.SIGTERM)
        _, late = await asyncio.wait(watching, timeout=STOP_SECONDS)
        for process in self._running.values():
            log.warning("api_process_killed", pid=process.pid, seconds=STOP_SECONDS)
            _send(process, signal.SIGKILL)
        await asyncio.gather(*late)
        return self._exit_code

    def _signalled(self, number: int) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            # A second Ctrl-C ends open requests.
            for process in self._running.values():
                _send(process, signal.SIGINT)
        self._stop.set()

    async def _supervise(self, index: int) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            pid, code = await self._run(index)
            if self._stop.is_set():
                return
            if code == exit_codes.CONFIGURATION:
                # The others have the same configuration, and the process has said what is wrong.
                self._exit_code = code
                self._stop.set()
                return
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY else min(2 * pause, LONGEST_PAUSE)
            log.error("api_process_ended", pid=pid, exit_code=code, restart_seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _run(self, index: int) -> tuple[int, int]:
        """Start a process and wait for it; returns its id, and its exit code, negative for a signal."""
        own, its = socket.socketpair()
        descriptors = [its.fileno(), *(listener.fileno() for listener in self._listeners[index])]
        with its:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                # Without the current folder on the import path, which may have a package of this name.
                "-P",
                "-m",
                "service.api.processes.process",
                *map(str, descriptors),
                pass_fds=descriptors,
                # Ctrl-C reaches every process of a terminal's group; here, the supervisor passes it on.
                start_new_session=True,
            )
        self._running[index] = process
        if self._stop.is_set():
            _send(process, signal.SIGTERM)
        serving = asyncio.create_task(self._totals.serve(own))
        code = await process.wait()
        del self._running[index]
        # Returns after the last counts.
        await serving
        return process.pid, code


def _send(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def serve(settings: Settings, processes: int) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises ConfigurationInvalid."""
    wait_for_redis(settings)
    return asyncio.run(_serve(settings, processes))


async def _serve(settings: Settings, processes: int) -> int:
    listeners = listen(settings.host, settings.port, processes)
    port = listeners[0][0].getsockname()[1]
    log.info("api_processes_started", processes=processes, host=settings.host, port=port)
    return await Supervisor(settings, listeners).run()
