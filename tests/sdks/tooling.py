"""Runs the linter, the generators and the compilers, as a user would type it."""

import os
import re
import shlex
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tooling:
    """`directory` has the tools of install_tools.sh; `node` is the directory of a Node.js installation."""

    directory: Path
    node: Path

    def run(
        self,
        command: str,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        codes: Collection[int] = (0,),
    ) -> str:
        """Its output; an exit code other than `codes` shows everything."""
        path = (
            f"{self.directory}/venv/bin:{self.directory}/node_modules/.bin:{self.node}:{os.environ['PATH']}"
        )
        # npx only finds its command on the PATH that the tests have anyway.
        ended = subprocess.run(
            shlex.split(command.removeprefix("npx ")),
            cwd=cwd,
            env={**os.environ, **(environment or {}), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode in codes, f"{command}\n{ended.stdout}"
        return ended.stdout


def section(text: str, title: str) -> str:
    """The text below a second-level heading of a page."""
    (found,) = [part for part in text.split("\n## ") if part.partition("\n")[0] == title]
    return found


def block(text: str, language: str) -> str:
    """The first fenced block of a language."""
    return next(body for name, body in _BLOCK.findall(text) if name == language)


def command(text: str, start: str) -> str:
    """The one indented command of a page that begins like this; a backslash continues it on the next line."""
    lines = text.replace("\\\n", " ").splitlines()
    (found,) = [line.strip() for line in lines if line.startswith(f"    {start}")]
    return found
