"""`triage dev`: an embedded server, the API and one worker, started and ended together."""

import signal
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from service import exit_codes
from service.clock import Clock
from service.dev_server.discovery import find_handlers
from service.dev_server.processes import START_SECONDS, STOP_MARGIN, LocalApi, Process, environment_with
from service.dev_server.watching import Watcher
from service.dev_server.welcome import own_names, welcome
from service.settings import Settings, load_settings
from service.store.redis.embedded import EmbeddedServer


def run(*, reload: bool = False) -> int:
    """Run until Ctrl-C or SIGTERM has drained everything, or a process has exited; returns the exit code.

    With `reload`, a change of a Python file below the current folder restarts the worker.
    """
    settings = load_settings()
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    server = None
    if not settings.redis_url:
        server = EmbeddedServer(settings.data_dir)
        server.start()
    dev = _DevServer(settings, server and server.url, stop, reload)
    try:
        return dev.run()
    finally:
        dev.end()
        if server is not None:
            server.stop()


class _DevServer:
    def __init__(
        self, settings: Settings, redis_url: str | None, stop: threading.Event, reload: bool
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._folder = Path.cwd()
        self._watcher = Watcher(self._folder, stop) if reload else None
        port = settings.port or _free_port(settings.host)
        self._given = {"TRIAGE_PORT": str(port)} | (
            {} if redis_url is None else {"TRIAGE_REDIS_URL": redis_url}
        )
        self._local = LocalApi(f"http://{settings.host}:{port}")
        self._handlers, self._sample = "", False
        self._api: Process | None = None
        self._worker: Process | None = None

    def run(self) -> int:
        if self._watcher is not None:
            self._watcher.start()
        environment = self._environment()
        self._api, self._worker = Process("api", environment), Process("worker", environment)
        if self._local.wait_until_ready(self._api, self._stop):
            self._greet(self._worker)
        while not self._stop.wait(0.2):
            if self._watcher is not None and (changed := self._watcher.take()):
                self._reload(changed)
            if (code := self._exit_code()) is not None:
                return code
        return 0

    def end(self) -> None:
        # The worker first, so that the API is still available while it drains.
        for process in (self._worker, self._api):
            if process is not None:
                process.end(self._settings.drain_seconds + STOP_MARGIN)

    def _greet(self, worker: Process, reloaded: bool = False) -> None:
        """Print what runs, once the worker is registered."""
        clock = Clock()
        deadline = clock.monotonic() + START_SECONDS
        open_api = self._settings.auth == "off" or "auth" not in self._settings.model_fields_set
        types = self._local.job_types_of(worker.pid) if open_api else None
        while open_api and types is None and clock.monotonic() < deadline and not self._stop.wait(0.1):
            if worker.exit_code is not None:
                break
            types = self._local.job_types_of(worker.pid)
        if self._stop.is_set() or worker.exit_code is not None:
            return
        if reloaded:
            _say(f"Reloaded. Job types: {', '.join(own_names(types or ())) or 'unchanged'}")
        else:
            sys.stdout.write(welcome(self._local.url, types, self._handlers, self._sample))
            sys.stdout.flush()

    def _reload(self, changed: list[str]) -> None:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        _say(f"{changed[0]}{more} changed; restarting the worker.")
        if self._worker is not None:
            self._worker.end_soon()
        self._worker = Process("worker", self._environment())
        self._greet(self._worker, reloaded=True)

    def _exit_code(self) -> int | None:
        """Not None when a process has exited that the others cannot do without."""
        assert self._api is not None
        if (code := self._api.exit_code) is not None:
            return self._stopped("API", code)
        if self._worker is None or (code := self._worker.exit_code) is None:
            return None
        if self._watcher is None:
            return self._stopped("worker", code)
        _say(f"The worker has exited with status {code}; it starts again when a Python file changes.")
        self._worker = None
        return None

    def _stopped(self, name: str, code: int) -> int:
        _say(f"The {name} has exited with status {code}; stopping the other processes.")
        # With this exit code, the process has already reported an invalid configuration.
        return code if code == exit_codes.CONFIGURATION else 1

    def _environment(self) -> Mapping[str, str]:
        """The environment of the processes, with the handlers that the folder has now."""
        readable = sys.stderr.isatty()
        defaults = {
            "TRIAGE_AUTH": "off",
            "TRIAGE_LOG_FORMAT": "text" if readable else "json",
            "TRIAGE_UNKNOWN_TYPES": "refuse_similar",
        }
        given = self._settings.model_fields_set
        environment = environment_with(
            {name: value for name, value in defaults.items() if name[7:].lower() not in given} | self._given
        )
        self._handlers = self._settings.handlers
        if "handlers" not in given:
            found = find_handlers(self._folder)
            self._handlers = ",".join(found.modules) or self._settings.handlers
            self._sample = not found.modules
            paths = [*found.import_folders, environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = ":".join(path for path in paths if path)
        # Set explicitly, so that the worker does not warn about the sample handlers.
        environment["TRIAGE_HANDLERS"] = self._handlers
        return environment


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    sys.stderr.write(f"triage: {text}\n")
    sys.stderr.flush()
