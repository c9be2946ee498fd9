"""The interface of a system that runs jobs."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple, Protocol

import orjson

from benchmarks.bench import Server
from benchmarks.processes import ROOT, run

#: The folder with the installed peers.
INSTALLED = ROOT / ".cache/bench"


class Sent(NamedTuple):
    """The duration of a submission, and the CPU time of the submitting process, in seconds."""

    seconds: float
    cpu: float


class System(Protocol):
    """`shape` of jobs: noop, sleep (10 ms), mixed (priorities and limits), spaced, delayed or flow."""

    def worker(
        self, server: Server, out: Path, concurrency: int = 100, shape: str = "noop"
    ) -> AbstractAsyncContextManager[Popen[bytes]]:
        """A worker that notes its runs in `out`."""
        ...

    async def submit(self, server: Server, shape: str, count: int, **options: float) -> Sent: ...

    async def finished(self, server: Server) -> int:
        """Jobs that have finished and are kept."""
        ...


async def run_submitter(command: list[str | Path], **environment: str) -> Sent:
    """Run a program of a peer that submits jobs and prints the duration."""
    return Sent(**orjson.loads(await run(command, **environment)))
