"""Measures claims and drains of one scene."""

import contextlib
from pathlib import Path

from benchmarks.bench import Server
from benchmarks.processes import cpu_seconds, redis_cpu_seconds, until
from benchmarks.row import Figures
from benchmarks.scenes import Scene
from benchmarks.systems.triage import finished, worker
from service.domain.job_spec import JobSpec
from service.domain.outcome import Succeeded, settle
from service.store.jobs import Submission
from service.store.leases import ClaimRequest, Finish
from service.store.namespace import Namespace

#: Jobs per drain, and how many of the first and of the last ones are not measured.
DRAINED, MARGIN = 20_000, 2_000
CLAIMS = 200


class Backlog:
    """A namespace with a scene of queued jobs."""

    def __init__(self, server: Server, name: str, scene: Scene) -> None:
        self.scene = scene
        self._server, self._name = server, name
        self._namespace = Namespace(server.redis, name, 0)
        self._credits = b""
        self._claims = 0

    async def set_up(self) -> None:
        await self.scene.set_up(self._namespace)

    async def add_idle(self, queues: int) -> None:
        """Add queues with one job each, of a type that no worker knows."""
        self._namespace.scripts.max_queues = 2 * queues
        for start in range(0, queues, 500):
            specs = [JobSpec("unknown", queue=f"idle-{start + place}") for place in range(500)]
            await self._namespace.jobs.submit(
                [Submission(f"job_{start + place:026d}", spec) for place, spec in enumerate(specs)]
            )

    async def claims(self, slots: int) -> list[float]:
        """CPU milliseconds of Redis for each claim; finishes the claimed jobs, like a worker.

        Adds the same number of jobs afterwards, which keeps the length of the backlog.
        """
        times: list[float] = []
        claimed = 0
        for _ in range(CLAIMS):
            self._claims += 1
            before = await self._main_thread()
            request = ClaimRequest(
                "wk_1",
                f"cl_{self._claims}",
                "bench",
                600_000,
                slots,
                {"*": 1},
                {"noop": None},
                self._credits,
            )
            claim = await self._namespace.leases.claim(request)
            times.append((await self._main_thread() - before) * 1000)
            self._credits = claim.credits
            if not claim.leases:
                raise RuntimeError(f"{self.scene.title}: nothing to claim after {claimed} jobs")
            claimed += len(claim.leases)
            await self._namespace.leases.finish(
                [
                    Finish(lease, settle(lease.job, Succeeded(b"{}"), 0, lambda: 0.5), "wk_1", 0, 1)
                    for lease in claim.leases
                ]
            )
        await self.scene.add(self._namespace, claimed)
        return times

    async def drain(self, workers: int = 1) -> Figures:
        """Workers with concurrency 100 run 20,000 jobs, which are added first if the backlog is short."""
        if self.scene.jobs < 10 * DRAINED:
            await self.scene.add(self._namespace, DRAINED)
        redis = self._server.redis
        before = await finished(self._server, self._name)

        async def reached(count: int) -> bool:
            return await finished(self._server, self._name) >= before + count

        async with contextlib.AsyncExitStack() as stack:
            commands = [
                worker(self._server.url, Path("/dev/null"), namespace=self._name) for _ in range(workers)
            ]
            pids = [(await stack.enter_async_context(command)).pid for command in commands]
            began = await until(lambda: reached(MARGIN))
            worker_cpu, redis_cpu = sum(map(cpu_seconds, pids)), await redis_cpu_seconds(redis)
            first = await finished(self._server, self._name)
            ended = await until(lambda: reached(DRAINED - MARGIN))
            worker_cpu = sum(map(cpu_seconds, pids)) - worker_cpu
            redis_cpu = await redis_cpu_seconds(redis) - redis_cpu
            jobs = await finished(self._server, self._name) - first
        rate = jobs / (ended - began)
        return Figures(
            rate,
            {"worker": worker_cpu / jobs * 1e6, "Redis": redis_cpu / jobs * 1e6},
            {"% of Redis's core": rate * redis_cpu / jobs * 100},
        )

    async def _main_thread(self) -> float:
        """CPU seconds of the thread that runs scripts, which other processes do not affect."""
        used = await self._server.redis.info("cpu")
        return float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])
