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

from service.cli import main
from tests.api.running import Running, serve


@dataclass(frozen=True)
class Ended:
    """A finished command."""

    code: int
    out: str
    err: str


Triage = Callable[..., Coroutine[Any, Any, Ended]]


def run(arguments: tuple[str, ...], variables: dict[str, str]) -> Ended:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["triage", *arguments]),
        mock.patch.dict(os.environ, variables),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture
async def running(redis_url: str, namespace: str) -> AsyncIterator[Running]:
    # The API's log lines would mix with the command's.
    with structlog.testing.capture_logs():
        async with serve(redis_url, namespace) as running:
            yield running


@pytest.fixture
def triage(running: Running) -> Triage:
    """Runs a command against the API in a thread, because the API runs in the event loop."""

    async def typed(*arguments: str, **variables: str) -> Ended:
        url = f"http://127.0.0.1:{running.port}"
        return await asyncio.to_thread(run, arguments, {"TRIAGE_URL": url, **variables})

    return typed


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
            "fastapi": (404, {"Content-Type": "application/json"}, b'{"detail":"Not Found"}'),
            "escape": (
                400,
                {"Content-Type": "application/json"},
                b'{"code":"x","detail":"a\\u001b[2Jb\\nc"}',
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
