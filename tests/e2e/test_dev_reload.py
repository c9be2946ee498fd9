"""`triage dev --reload` on a terminal, in a project that `triage new` wrote."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.scaffold import create_project
from tests.e2e.processes import ROOT, free_port
from tests.support.eventually import eventually_blocking


class Terminal:
    """A process that writes to a terminal, and what it has written so far."""

    def __init__(self, folder: Path, **settings: str) -> None:
        own, theirs = pty.openpty()
        self._own = own
        self._chunks: list[bytes] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "dev", "--reload"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # On Linux, reading fails once no process has the other side.
        try:
            while chunk := os.read(self._own, 4096):
                self._chunks.append(chunk)
        except OSError:
            return

    @property
    def text(self) -> str:
        return b"".join(self._chunks).decode().replace("\r\n", "\n")

    def wait_for(self, *words: str) -> None:
        def shown() -> None:
            assert self.process.poll() is None, self.text
            assert [word for word in words if word not in self.text] == [], self.text

        eventually_blocking(shown, 40)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self._reader.join(10)
        os.close(self._own)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return create_project("shop-jobs", tmp_path)[0]


@pytest.fixture
def terminal(project: Path) -> Iterator[Terminal]:
    terminal = Terminal(project, TRIAGE_PORT=str(free_port()), TRIAGE_WORKER_PORT="0")
    yield terminal
    terminal.close()


def ask(line: str) -> Any:
    return orjson.loads(subprocess.run(shlex.split(line), capture_output=True, check=True).stdout)


def test_a_new_project_runs_fails_readably_and_is_reloaded(project: Path, terminal: Terminal) -> None:
    terminal.wait_for("Ctrl-C drains")
    assert "Handlers: shop_jobs\nJob types: send-greeting\n" in terminal.text
    (line,) = [line.strip() for line in terminal.text.splitlines() if "curl " in line]
    job = ask(line)
    assert (job["state"], job["result"]) == ("succeeded", {"text": "Hello, example!"})
    assert ask(line.replace('"name": "example"', '"name": "x", "language": "xx"'))["state"] == "dead"
    terminal.wait_for(
        "info     job_succeeded job_id=",
        "warning  job_failed job_id=",
        "message=unknown language 'xx'\n  Traceback (most recent call last):\n",
        "in send_greeting\n",
    )
    refused = ask(line.replace("send-greeting", "send-greting"))
    assert (refused["status"], refused["code"]) == (422, "unknown_job_type")
    assert "did you mean 'send-greeting'?" in refused["detail"]

    module = project / "shop_jobs.py"
    text = module.read_text()
    module.write_text(f"{text}\ndef broken(:\n")
    terminal.wait_for(
        "shop_jobs.py changed; restarting the worker.",
        "shop_jobs cannot be imported: SyntaxError",
        f"shop_jobs.py:{text.count(chr(10)) + 2}: def broken(:",
        "The worker has exited with status 78; it starts again when a Python file changes.",
    )
    slow = "    import threading\n\n    threading.Event().wait(1)\n    await ctx.log"
    module.write_text(text.replace("Hello", "Howdy").replace("    await ctx.log", slow))
    terminal.wait_for("Reloaded. Job types: send-greeting")
    assert ask(line)["result"] == {"text": "Howdy, example!"}
    number = module.read_text().partition("threading.Event()")[0].count("\n") + 1
    terminal.wait_for("handler_blocks_event_loop name=send_greeting", f"line={module}:{number}\n")

    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(30) == 0, terminal.text
