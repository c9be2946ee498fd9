"""Stock arq with max_jobs=100."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen

from benchmarks.bench import Server
from benchmarks.processes import program
from benchmarks.systems.system import INSTALLED, Sent, run_submitter

PYTHON = INSTALLED / "python/bin/python"


class Arq:
    def __init__(self) -> None:
        self._submitted = 0

    def worker(
        self, server: Server, out: Path, concurrency: int = 100, shape: str = "noop"
    ) -> AbstractAsyncContextManager[Popen[bytes]]:
        command = [PYTHON, "-m", "arq", "benchmarks.peers.arq.worker.WorkerSettings"]
        return program(command, BENCH_REDIS=server.url, BENCH_OUT=str(out))

    async def submit(self, server: Server, shape: str, count: int, **options: float) -> Sent:
        command = [PYTHON, "-m", "benchmarks.peers.arq.submit", str(count)]
        self._submitted = count
        return await run_submitter(command, BENCH_REDIS=server.url)

    async def finished(self, server: Server) -> int:
        """Submitted jobs that are no longer in the queue."""
        return self._submitted - await server.redis.zcard("arq:queue")
