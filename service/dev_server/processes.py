"""The processes of `triage dev`: starting, waiting for, restarting and ending them."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError

from service.clock import Clock

#: How long the API, and the worker after it, may take to start, in seconds.
START_SECONDS = 60.0
#: How long after the drain time a process may take to exit, in seconds.
STOP_MARGIN = 15.0
#: How long a worker may finish its jobs at a reload, before it hands them back, in seconds.
RELOAD_SECONDS = 1.0
#: Without proxies, which cannot reach this machine's loopback address.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Process:
    """The API or a worker, as a process that Ctrl-C does not reach: it ends when `triage dev` says so."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        self.command = command
        code = "from triage.command import main; main()"
        # In a new process group: Ctrl-C reaches only this process, which stops the others in order.
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, command], env=environment, start_new_session=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def end(self, seconds: float) -> None:
        """Drain it; kill it if that takes longer than `seconds`."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
            self._wait(seconds)

    def end_soon(self) -> None:
        """Drain it, and let it hand back the jobs that do not finish at once."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(RELOAD_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGTERM)
                self._wait(STOP_MARGIN)

    def _wait(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LocalApi:
    """The API that `triage dev` has started, as far as it needs to ask it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def wait_until_ready(self, api: Process, stop: threading.Event) -> bool:
        """False if it has exited or does not become ready."""
        clock = Clock()
        deadline = clock.monotonic() + START_SECONDS
        while clock.monotonic() < deadline and not stop.wait(0.1):
            if api.exit_code is not None:
                return False
            if self._get("/readyz") is not None:
                return True
        return False

    def job_types_of(self, pid: int) -> list[dict[str, Any]] | None:
        """The job types of the worker with this process id, once it is registered.

        None before that, or if the API requires a key.
        """
        workers = self._get("/v1/workers") or {"items": []}
        names = {
            name
            for worker in workers["items"]
            if worker["pid"] == pid and worker["state"] == "running"
            for name in worker["job_types"]
        }
        types = self._get("/v1/job-types") if names else None
        return None if types is None else [row for row in types["items"] if row["name"] in names]

    def _get(self, path: str) -> Any:
        try:
            with _DIRECT.open(f"{self.url}{path}", timeout=2) as response:
                return json.load(response)
        except (URLError, OSError, ValueError):
            return None


def environment_with(extra: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **extra}
