"""`triage dev`: an embedded server, the API and one worker, started and ended together."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from urllib.error import URLError

from service.clock import Clock
from service.settings import load_settings
from service.store.redis.embedded import EmbeddedServer

#: How long after the drain time processes may take to exit, in seconds.
STOP_MARGIN = 15.0
START_SECONDS = 60.0
EXIT_CONFIGURATION = 78
#: Without proxies, which cannot reach this machine's loopback address.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run() -> int:
    """Run until Ctrl-C or SIGTERM has drained everything, or a process has died; returns the exit code."""
    settings = load_settings()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    server = None
    environment = {"TRIAGE_AUTH": "off", "TRIAGE_LOG_FORMAT": "text", **os.environ}
    # Set explicitly, so that the worker does not warn about the sample handlers.
    environment["TRIAGE_HANDLERS"] = settings.handlers
    if not settings.redis_url:
        server = EmbeddedServer(settings.data_dir)
        server.start()
        environment["TRIAGE_REDIS_URL"] = server.url
    processes = [_start(command, environment) for command in ("api", "worker")]
    url = f"http://{settings.host}:{settings.port}"
    try:
        if _ready(url, processes, stop):
            sys.stdout.write(_welcome(url))
            sys.stdout.flush()
        while not stop.wait(0.2):
            if ended := [process for process in processes if process.poll() is not None]:
                sys.stderr.write("triage: a process has exited; stopping the others.\n")
                # With this exit code, the process has already reported an invalid configuration.
                return EXIT_CONFIGURATION if ended[0].returncode == EXIT_CONFIGURATION else 1
        return 0
    finally:
        _end(processes, settings.drain_seconds + STOP_MARGIN)
        if server is not None:
            server.stop()


def _start(command: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # In a new process group: Ctrl-C reaches only this process, which stops the others in order.
    code = "from triage.command import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, command], env=environment, start_new_session=True)


def _ready(url: str, processes: Sequence[subprocess.Popen[bytes]], stop: threading.Event) -> bool:
    clock = Clock()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline and not stop.wait(0.1):
        if any(process.poll() is not None for process in processes):
            return False
        try:
            with _DIRECT.open(f"{url}/readyz", timeout=1) as response:
                if response.status == 200:
                    return True
        except (URLError, OSError):
            continue
    return False


def _end(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    # The worker first, so that the API is still available while it drains.
    for process in reversed(processes):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _welcome(url: str) -> str:
    body = '{"name": "send-alert", "payload": {"user_id": "u-1"}}'
    headers = "-H 'Content-Type: application/json' -H 'Prefer: wait=10'"
    return (
        f"\nTriage is running: {url}  (dashboard: {url}/dashboard, API reference: {url}/docs)\nTry:\n\n"
        f"  curl -s -X POST {url}/v1/jobs {headers} -d '{body}'\n\n"
        "Ctrl-C drains and stops everything.\n\n"
    )
