"""BullMQ on Node."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen

import orjson

from benchmarks.bench import Server
from benchmarks.processes import ROOT, program
from benchmarks.systems.system import INSTALLED, Sent, run_submitter

_PROGRAMS = ROOT / "benchmarks/peers/bullmq"
_MODULES = str(INSTALLED / "bullmq/node_modules")


def start(name: str, url: str, **environment: str) -> AbstractAsyncContextManager[Popen[bytes]]:
    """One of the programs, until the end of the block."""
    return program(["node", _PROGRAMS / name], NODE_PATH=_MODULES, BENCH_REDIS=url, **environment)


class BullMQ:
    def worker(
        self, server: Server, out: Path, concurrency: int = 100, shape: str = "noop"
    ) -> AbstractAsyncContextManager[Popen[bytes]]:
        limited = "1" if shape == "mixed" else ""
        return start(
            "worker.js",
            server.url,
            BENCH_OUT=str(out),
            BENCH_CONCURRENCY=str(concurrency),
            BENCH_LIMITED=limited,
        )

    async def submit(self, server: Server, shape: str, count: int, **options: float) -> Sent:
        command = ["node", _PROGRAMS / "submit.js", shape, str(count), orjson.dumps(options).decode()]
        return await run_submitter(command, NODE_PATH=_MODULES, BENCH_REDIS=server.url)

    async def finished(self, server: Server) -> int:
        return await server.redis.zcard("bull:bench:completed")
