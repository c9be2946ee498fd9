"""Measures one, two and three masters, with one namespace on each: `make bench-cluster`.

On a machine with fewer cores than processes, the rate says little. What shows that masters add up is the CPU
time of each master per job, which must not grow with their number.
"""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from subprocess import Popen

from redis.crc import key_slot

from benchmarks.processes import cpu_seconds, until
from benchmarks.systems.triage import SHAPES, new_jobs, worker
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect
from service.store.redis.embedded import find_server_binary
from tests.support.deployments import ClusterDeployment, PortServer

MASTERS = (1, 2, 3)
JOBS, BATCH = 20_000, 1_000
#: The share of jobs after which workers have started, and their CPU time counts.
WARM = 0.1
ROW = "{:>7}  {:>7}  {:>17}  {}"


def spread(deployment: ClusterDeployment) -> dict[str, PortServer]:
    """A namespace for each master."""
    found: dict[int, tuple[str, PortServer]] = {}
    for number in count():
        name = f"bench-{number}"
        master = deployment.master_of(key_slot(keys.prefix(name).encode()))
        found.setdefault(master.port, (name, master))
        if len(found) == len(deployment.servers):
            return dict(found.values())
    raise AssertionError


def cpu_of(server: PortServer) -> float:
    used = server.call("INFO", "cpu")
    return float(used["used_cpu_sys"] + used["used_cpu_user"])


async def submit(namespace: Namespace, jobs: int) -> None:
    for _ in range(0, jobs, BATCH):
        await namespace.jobs.submit(new_jobs([SHAPES["noop"](number) for number in range(BATCH)]))


async def measure(masters: int, jobs: int, binary: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="triage-bench-") as folder,
        ClusterDeployment(Path(folder), binary, masters=masters) as deployment,
    ):
        redis = connect(deployment.url, socket_timeout=60)
        placed = spread(deployment)
        before = {name: cpu_of(server) for name, server in placed.items()}
        for name in placed:
            await submit(Namespace(redis, name, 0), jobs)
        await redis.aclose()
        submitted = {name: cpu_of(server) for name, server in placed.items()}
        async with contextlib.AsyncExitStack() as stack:
            running = [
                await stack.enter_async_context(worker(deployment.url, Path("/dev/null"), namespace=name))
                for name in placed
            ]
            began, warm = await reached(placed, jobs * WARM), workers_cpu(running)
            measured = sum(jobs - finished(name, server) for name, server in placed.items())
            seconds = await reached(placed, jobs) - began
            cpu = workers_cpu(running) - warm
        after = {name: cpu_of(server) for name, server in placed.items()}
    costs = [(submitted[name] - before[name], after[name] - submitted[name]) for name in placed]
    shown = ", ".join(f"{sent / jobs * 1e6:.1f} + {run / jobs * 1e6:.1f}" for sent, run in costs)
    print(ROW.format(masters, f"{measured / seconds:,.0f}", f"{cpu / measured * 1e6:.1f}", shown), flush=True)


def finished(namespace: str, master: PortServer) -> int:
    return master.call("ZCARD", keys.retention(keys.prefix(namespace)))


async def reached(placed: dict[str, PortServer], jobs: float) -> float:
    """Wait until each namespace has finished that many jobs; returns the monotonic time."""

    async def enough() -> bool:
        return all(finished(name, master) >= jobs for name, master in placed.items())

    return await until(enough, seconds=600, pause=0.05)


def workers_cpu(workers: Sequence[Popen[bytes]]) -> float:
    return sum(cpu_seconds(process.pid) for process in workers)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS, help="jobs of each namespace")
    parser.add_argument("--server", type=Path, help="its binary (default: the embedded Valkey)")
    given = parser.parse_args()
    print(ROW.format("masters", "jobs/s", "worker CPU us/job", "each master's CPU us/job: submit + run"))
    for masters in MASTERS:
        asyncio.run(measure(masters, given.jobs, given.server or find_server_binary()))


if __name__ == "__main__":
    main()
