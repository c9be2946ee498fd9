"""Follows a README as a reader does: starts what its `sh` blocks start, and types in its `console` blocks."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.processes import ROOT, free_port
from tests.support.eventually import eventually_blocking

#: Where the READMEs start Triage, and the application that uses it.
TRIAGE, APPLICATION = "8080", "8000"
_BLOCK = re.compile(r"^```(sh|console)\n(.+?)^```", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"\b(?:job|flow)_[0-9A-Z]{26}\b")


class Reader:
    """Runs commands in the root of the checkout, on free ports, with its data in `directory`."""

    def __init__(self, readme: Path, directory: Path) -> None:
        blocks: list[tuple[str, str]] = _BLOCK.findall(readme.read_text())
        self._directory = directory
        self._ports = {TRIAGE: free_port(), APPLICATION: free_port()}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._variables: list[str] = []
        #: Ids in the README, with their counterparts in this run.
        self._ids: dict[str, str] = {}
        self._environment = {
            **os.environ,
            "TRIAGE_URL": f"http://127.0.0.1:{self._ports[TRIAGE]}",
            "TRIAGE_PORT": str(self._ports[TRIAGE]),
            "TRIAGE_WORKER_PORT": "0",
            "TRIAGE_WORKER_HOST": "127.0.0.1",
            "TRIAGE_DATA_DIR": str(directory / "data"),
        }
        self.servers = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
        self.commands = [item for kind, text in blocks if kind == "console" for item in _commands(text)]

    def start(self) -> None:
        for command in self.servers:
            with self._log(len(self._processes)).open("wb") as log:
                process = subprocess.Popen(
                    ["bash", "-c", f"exec env {self._here(command)}"],
                    cwd=ROOT,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                )
            self._processes.append(process)
        for _, port in zip(self.servers, self._ports.values(), strict=False):
            eventually_blocking(lambda port=port: self._answers(port), 60)

    def type_in(self, command: str) -> str:
        """The command's output, without progress bars."""
        command = self._here(command)
        if re.match(r"\w+=\S+( \w+='.*')?$", command):
            self._variables.append(command)
            return ""
        done = subprocess.run(
            ["bash", "-c", "\n".join([*self._variables, command])],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        return "".join(line for line in done.stdout.splitlines(keepends=True) if "━" not in line)

    def expected(self, shown: str, printed: str) -> str:
        """The output that the README shows, with the ids of this run."""
        for theirs, ours in zip(_ID.findall(shown), _ID.findall(printed), strict=False):
            self._ids.setdefault(theirs, ours)
        return self._with_ids(shown)

    def stop(self) -> None:
        """Send Ctrl-C to each, the last one first."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self) -> str:
        return "".join(self._log(number).read_text()[-3000:] for number in range(len(self._processes)))

    def _log(self, number: int) -> Path:
        return self._directory / f"{number}.log"

    def _answers(self, port: int) -> None:
        assert all(process.poll() is None for process in self._processes), self.logs()
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
        except httpx.TransportError as error:
            raise AssertionError(self.logs()) from error

    def _here(self, command: str) -> str:
        command = command.replace(".venv/bin/", f"{shlex.quote(str(Path(sys.executable).parent))}/")
        for port, free in self._ports.items():
            command = re.sub(rf"(127\.0\.0\.1:|--port ){port}\b", rf"\g<1>{free}", command)
        return self._with_ids(command)

    def _with_ids(self, text: str) -> str:
        return _ID.sub(lambda found: self._ids.get(found[0], found[0]), text)


def _commands(block: str) -> list[tuple[str, str]]:
    """Each command of a `console` block, and the output that the README shows."""
    items: list[tuple[str, str]] = []
    for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = text.splitlines(keepends=True)
        # An open quote continues on the next line.
        length = next(n for n in range(1, len(lines) + 1) if "".join(lines[:n]).count("'") % 2 == 0)
        items.append(("".join(lines[:length]).rstrip("\n"), "".join(lines[length:])))
    return items
