"""The namespaces of a hostile tenant, with everything that makes calls more expensive."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchmarks.hostile.meter import Meter
from service.clock import Clock
from service.domain.callback import OUTCOMES, Callback
from service.domain.catalogue import JobType
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Failed, Failure, Outcome, Succeeded, settle
from service.domain.tenant import Policy
from service.domain.webhook import MAX_ENDPOINTS, Secret
from service.domain.worker import WorkerRecord
from service.store.jobs import Submission
from service.store.leases import Claim, ClaimRequest, Finish
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants

#: Counted like the default quotas, but without refusals.
COUNTED = Policy({"jobs": 10**9, "stored_bytes": 10**12, "limit_keys": 10**7, "unique_keys": 10**7})
DAY = 86_400_000
TAGS = {f"{number:02d}{'k' * 60}": "v" * 60 for number in range(16)}
OK, FATAL = Succeeded(b"{}"), Failed(Failure("Fatal", "It broke."), retryable=False)
#: Slots of the largest claim (workers/engine/claimer.py), and jobs of the largest batch of finishes.
SLOTS = 200

_numbers = count(1)
IDS = IdFactory(Clock().now_ms, os.urandom)


@dataclass
class Stage:
    """Makes the namespaces of one round. `size`: of its largest backlog."""

    redis: Any
    meter: Meter
    size: int

    async def namespace(
        self, name: str, *, plain: bool = False, endpoints: int = MAX_ENDPOINTS, max_queues: int = 100_000
    ) -> Namespace:
        """With quotas, an event stream, every webhook it may have, and workers; `plain`: without."""
        found = Namespace(self.redis, name, 0, max_queues=max_queues)
        self.meter.scene = name
        if not plain:
            await Tenants(self.redis).create(name, COUNTED, "")
            await self.listen(found)
            for number in range(endpoints):
                secret = Secret("whsec_" + "s" * 40)
                await found.webhooks.create(new_id("wh"), f"http://{number}.example.com/", ["*"], "", secret)
        for number in range(10):
            await found.workers.register(worker_record(number), [JobType(f"work-{n}") for n in range(20)])
        return found

    async def listen(self, namespace: Namespace) -> None:
        """As event streams do."""
        await namespace.scripts.run("renew_watches", [60, "*"])


def new_id(kind: str = "job", members: int = 0) -> str:
    return IDS.new(kind, members=members) if members else IDS.new(kind)


def worker_record(number: int) -> WorkerRecord:
    types = tuple(f"work-{place}" for place in range(20))
    now = Clock().now_ms()
    return WorkerRecord(
        f"wk_{number}", "host", 1, "1", {"*": 1, f"own-{number}": 2}, types, "running", 0, SLOTS, now, now
    )


def full(number: int, **fields: Any) -> JobSpec:
    """A job with every option, in its own queue and with its own keys."""
    given: dict[str, Any] = {
        "name": f"work-{number % 20}",
        "queue": f"queue-{number}",
        "tags": {**TAGS, f"{0:02d}{'k' * 60}": str(number)},
        "limit_key": f"key-{number}",
        "expires_ms": DAY,
        "deadline_ms": DAY,
        "callback": Callback(f"http://host-{number}.example.com/" + "p" * 1_000, OUTCOMES["job"]),
        "payload": b'{"text":"%s"}' % (b"x" * 300),
        **fields,
    }
    return JobSpec(**given)


def unique(number: int, **fields: Any) -> JobSpec:
    return full(number, unique=Unique(f"unique-{number}", on_conflict="replace"), **fields)


def submissions(specs: Sequence[JobSpec]) -> list[Submission]:
    return [Submission(new_id(), spec) for spec in specs]


async def submit(namespace: Namespace, specs: Sequence[JobSpec]) -> list[str]:
    return [found.job_id for found in await namespace.jobs.submit(submissions(specs))]


async def claim(namespace: Namespace, slots: int = SLOTS, lease_ms: int = 60_000, types: int = 20) -> Claim:
    request = ClaimRequest(
        "wk_0",
        f"cl_{next(_numbers)}",
        "pool",
        lease_ms,
        slots,
        {"*": 1},
        {f"work-{place}": None for place in range(types)},
    )
    return await namespace.leases.claim(request)


async def claim_all(namespace: Namespace, most: int, lease_ms: int = 60_000) -> list[Lease]:
    leases: list[Lease] = []
    while len(leases) < most:
        found = await claim(namespace, min(SLOTS, most - len(leases)), lease_ms)
        leases += found.leases
        if not found.leases and not found.more:
            break
    return leases


def finishes(leases: Sequence[Lease], outcome: Outcome) -> list[Finish]:
    return [Finish(lease, settle(lease.job, outcome, 0, lambda: 0.5), "wk_0", 0, 1) for lease in leases]


def chunks(numbers: range, size: int) -> Iterator[range]:
    for start in range(numbers.start, numbers.stop, size):
        yield range(start, min(start + size, numbers.stop))
