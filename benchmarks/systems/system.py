"""What a measurement needs of a system."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple, Protocol

import orjson

from benchmarks.bench import Server
from benchmarks.processes import ROOT, run

#: Where the peers are installed.
INSTALLED = ROOT / ".cache/bench"


class Sent(NamedTuple):
    """What submissions took: seconds, and of them CPU of the process that sent them."""

    seconds: float
    cpu: float


class System(Protocol):
    """`shape` of jobs: noop, sleep (10 ms), mixed (priorities and limits), spaced, delayed or flow."""

    def worker(
        self, server: Server, out: Path, concurrency: int = 100, shape: str = "noop"
    ) -> AbstractAsyncContextManager[Popen[bytes]]:
        """One worker that notes its runs in `out`."""
        ...

    async def submit(self, server: Server, shape: str, count: int, **options: float) -> Sent: ...

    async def finished(self, server: Server) -> int:
        """Jobs that have finished and are kept."""
        ...


async def run_submitter(command: list[str | Path], **environment: str) -> Sent:
    """A peer's program that submits jobs and prints what that took."""
    return Sent(**orjson.loads(await run(command, **environment)))
