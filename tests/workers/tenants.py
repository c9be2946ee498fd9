"""Handlers that say in which namespace they run, and submit work to it; and workers of several namespaces."""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx

from service.settings import Settings
from tests.support.eventually import eventually
from workers.handler import job
from workers.worker import TriageWorker

#: Released by a test to let runs of `hold` end, by namespace.
GATES: dict[str, asyncio.Semaphore] = {}
#: The namespace of each run, in the order of their starts.
STARTED: list[str] = []


def gate(namespace: str) -> asyncio.Semaphore:
    return GATES.setdefault(namespace, asyncio.Semaphore(0))


@job()
async def hold(ctx: Any) -> None:
    namespace = ctx["settings"].namespace
    STARTED.append(namespace)
    await gate(namespace).acquire()


@job()
async def note(ctx: Any) -> str:
    STARTED.append(ctx["settings"].namespace)
    return ctx["settings"].namespace


@job()
async def reveal(ctx: Any, card: str, phone: str) -> dict[str, str]:
    return {"card": card, "phone": phone}


@job(name="enqueue-two")
async def enqueue_two(ctx: Any) -> str:
    """Submits two jobs, which the quota of its namespace may refuse."""
    try:
        for _ in range(2):
            await ctx["redis"].enqueue_job("note")
    except Exception as error:
        return "refused" if "quota" in str(error).lower() else repr(error)
    return "enqueued"


@job()
async def spread(ctx: Any) -> dict[str, Any]:
    """Submits a job in each way that a handler has."""
    await ctx["redis"].enqueue_job("note", _job_id="enqueued")
    fan_out = await ctx.fan_out("note", [{}], then="note")
    await ctx.add_children({"child": {"job": {"name": "note"}}})
    dependencies = await ctx.dependencies()
    return {"fan_out": fan_out, "child": dependencies["child"]["result"]}


@job(executor="process")
def spread_from_a_process(ctx: Any) -> None:
    ctx.fan_out("note", [{}])


@dataclass
class Serving:
    """A worker in this event loop, and its task."""

    worker: TriageWorker
    work: asyncio.Task[None]

    async def metrics(self) -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{self.worker.port}/metrics")).text

    def leaves(self, namespace: str) -> bool:
        """Whether it has begun to leave a namespace."""
        parts = self.worker._parts
        return parts is not None and namespace in parts.served._leaving

    def waits_for_claims(self) -> bool:
        """Whether its probes expect a claim from some namespace."""
        parts = self.worker._parts
        return parts is not None and parts.served.last_claim_at(math.inf) < math.inf


async def started(count: int) -> Counter[str]:
    """The runs by namespace, once there are so many."""

    def there() -> Counter[str]:
        assert len(STARTED) == count, STARTED
        return Counter(STARTED)

    return await eventually(there, 30)


@contextlib.asynccontextmanager
async def serving(
    redis_url: str, namespaces: str, *, burst: bool = False, **fields: Any
) -> AsyncGenerator[Serving]:
    """A worker that is drained at the end."""
    given: dict[str, Any] = {
        "redis_url": redis_url,
        "namespaces": namespaces,
        "handlers": "tests.workers.tenants",
        "worker_host": "127.0.0.1",
        "worker_port": 0,
        "lease_seconds": 5,
        "drain_seconds": 0,
        "cancel_grace_seconds": 0.3,
        **fields,
    }
    worker = TriageWorker(burst=burst, handle_signals=False, settings=Settings(**given))
    work = asyncio.create_task(worker.main())
    try:
        yield Serving(worker, work)
    finally:
        worker.begin_drain("the test ends")
        async with asyncio.timeout(20):
            await work
        GATES.clear()
        STARTED.clear()
