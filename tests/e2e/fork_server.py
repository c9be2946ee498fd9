"""Starts processes of Triage by forking one that has imported it: the imports take a second of CPU each time.

multiprocessing's fork server does not serve here: a worker has one too, and would use this one for its
subprocesses, with the wrong environment. test_dev_server.py, test_bench.py and tests/examples start processes
as users do.
"""

import atexit
import functools
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[2]
_MESSAGE_BYTES = 1 << 20


class ForkedProcess:
    """What tests use of subprocess.Popen, for a process that is a child of the fork server."""

    def __init__(self, server: "ForkServer", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, sent: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, sent)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if poll.poll(None if timeout is None else timeout * 1000):
                self.returncode = self._server.ask({"wait": self.pid})
                os.close(self._descriptor)
        return self.returncode


class ForkServer:
    """The end of the tests."""

    def __init__(self) -> None:
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({its.fileno()})"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                pass_fds=[its.fileno()],
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def ask(self, request: dict[str, Any]) -> int:
        with self._lock:
            self._socket.send(orjson.dumps(request))
            return orjson.loads(self._socket.recv(_MESSAGE_BYTES))

    def start(self, command: str, environment: dict[str, str], directory: Path, log: Path) -> ForkedProcess:
        """Run `triage COMMAND`; its output goes to the log."""
        request = {"command": command, "environment": environment}
        return ForkedProcess(self, self.ask(request | {"directory": str(directory), "log": str(log)}))


@functools.cache
def fork_server() -> ForkServer:
    """One for each process that runs tests."""
    return ForkServer()


def serve(descriptor: int) -> None:
    """The end of the fork server, which returns in each process that it forks, with that process's work."""
    for module in ("service.api.main", "workers.main"):
        importlib.import_module(module)
    from service.cli import main

    with socket.socket(fileno=descriptor) as requests:
        while message := requests.recv(_MESSAGE_BYTES):
            request = orjson.loads(message)
            if "wait" in request:
                answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
            elif (answer := os.fork()) == 0:
                break
            requests.send(orjson.dumps(answer))
        else:
            return
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[1:1] = os.environ["PYTHONPATH"].split(os.pathsep)
    os.chdir(request["directory"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    sys.argv = ["triage", request["command"]]
    main()
