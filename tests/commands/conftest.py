"""The command line in the process of the test, and servers that are not Triage."""

import asyncio
import contextlib
import http.server
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import structlog.testing
from typer.main import get_command

from service.cli import add_commands, app, main
from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from tests.api.running import Running, serve
from tests.support.worker_records import worker

#: The longest name of a job type.
LONG = "n" * 128


@dataclass(frozen=True)
class Ended:
    """A finished command."""

    code: int
    out: str
    err: str


#: To build the tree of commands takes longer than most commands, so the tests build it once.
add_commands()
COMMANDS = get_command(app)

Triage = Callable[..., Coroutine[Any, Any, Ended]]


class Terminal(io.StringIO):
    """Text that a person types or sees."""

    def isatty(self) -> bool:
        return True


def run(arguments: tuple[str, ...], variables: dict[str, str], typed: str | None = None) -> Ended:
    """Run a command in a pipe, or on a terminal on which a person types."""
    stream = io.StringIO if typed is None else Terminal
    out, err, code = stream(), stream(), 0
    # A developer's own profiles must not affect a test.
    isolated = {"XDG_CONFIG_HOME": "/nonexistent", "TERM": "xterm", **variables}
    with (
        mock.patch.object(sys, "argv", ["triage", *arguments]),
        mock.patch("typer.main.get_command", return_value=COMMANDS),
        mock.patch.object(sys, "stdin", stream(typed or "")),
        mock.patch.dict(os.environ, isolated),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture
async def running(redis_url: str, namespace: str, store: Namespace) -> AsyncIterator[Running]:
    # Payloads of job types that no worker knows are hidden.
    types = [JobType(name) for name in ("work", "report", LONG)]
    client: Any = store.scripts.redis
    seconds, _ = await client.time()
    await store.workers.register(worker(seconds * 1000), types)
    # The API's log lines would mix with the command's.
    with structlog.testing.capture_logs():
        async with serve(redis_url, namespace) as running:
            yield running


@pytest.fixture
def triage(running: Running) -> Triage:
    """Runs a command against the API in a thread, because the API runs in the event loop."""

    async def command(*arguments: str, typed: str | None = None, **variables: str) -> Ended:
        url = f"http://127.0.0.1:{running.port}"
        return await asyncio.to_thread(run, arguments, {"TRIAGE_URL": url, **variables}, typed)

    return command


class Odd(http.server.BaseHTTPRequestHandler):
    """Responds as the first path segment says, and never as Triage does."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, body = {
            "502": (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>"),
            "html": (200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"),
            "bare": (200, {}, b"<html>Welcome</html>"),
            "empty": (200, {"Content-Type": "application/json"}, b""),
            "list": (200, {"Content-Type": "application/json"}, b"[]"),
            "other": (200, {"Content-Type": "application/json"}, b'{"status":"ok"}'),
            "rows": (200, {"Content-Type": "application/json"}, b'{"items":[7],"next_cursor":null}'),
            "worker": (404, {"Content-Type": "application/json"}, b'{"code":"not_found","status":404}'),
            "fastapi": (404, {"Content-Type": "application/json"}, b'{"detail":"Not Found"}'),
            "escape": (
                400,
                {"Content-Type": "application/json"},
                b'{"status":400,"code":"x","detail":"a\\u001b[2Jb\\nc"}',
            ),
            "login": (302, {"Location": "https://sso.example/login"}, b""),
            "gzip": (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"no gzip"),
        }[self.path.split("/")[1]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def odd_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
