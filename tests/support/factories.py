"""Jobs in any state, made by the verbs that make them in production."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.outcome import Failed, Failure, Outcome, Snoozed, Succeeded, settle
from service.domain.retry import RetryPolicy
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.changes.change_feed import Change
from service.store.jobs import Submission
from service.store.leases import Claim, ClaimRequest, Finish
from service.store.namespace import Namespace

_numbers = count(1)
IDS = IdFactory(Clock().now_ms, lambda size: next(_numbers).to_bytes(size))
DAY = 86_400_000
QUICK = RetryPolicy(delay_ms=60_000, jitter=0)


def new_id() -> str:
    return f"job_{next(_numbers):026d}"


async def submit(store: Namespace, **fields: Any) -> str:
    """Submit one job and return its id."""
    given: Any = {"name": "work", "retry": QUICK, **fields}
    return (await store.jobs.submit([Submission(new_id(), JobSpec(**given))]))[0].job_id


async def claim(
    store: Namespace, slots: int = 1, worker: str = "wk_1", lease_ms: int = 60_000, **fields: Any
) -> Claim:
    request = ClaimRequest(
        worker_id=worker,
        request_id=fields.pop("request_id", None) or f"cl_{next(_numbers)}",
        pool=fields.pop("pool", "pool"),
        lease_ms=lease_ms,
        slots=slots,
        queues=fields.pop("queues", {"*": 1}),
        types=fields.pop("types", {"work": None}),
        credits=fields.pop("credits", b""),
    )
    return await store.leases.claim(request, **fields)


class Worker:
    """Claims as a worker does: part of each reply goes into the next claim."""

    def __init__(self, store: Namespace, weights: Mapping[str, int], name: str = "wk_1") -> None:
        self._stores, self._weights, self._name = store, weights, name
        self._credits = b""

    async def claim(self, slots: int = 1, lease_ms: int = 60_000, **fields: Any) -> Claim:
        response = await claim(
            self._stores,
            slots,
            self._name,
            lease_ms,
            queues=self._weights,
            credits=self._credits,
            **fields,
        )
        self._credits = response.credits
        return response


def ending(lease: Lease, outcome: Outcome, worker: str = "wk_1") -> Finish:
    """The finish to which an outcome leads."""
    settlement = settle(lease.job, outcome, lease.job.started_at or 0, lambda: 0.0)
    return Finish(lease, settlement, worker, ended_at=lease.job.started_at or 0, run_ms=5)


async def limit(store: Namespace, queue: str = "default", **settings: Any) -> None:
    """Configure a queue; keywords are the fields of QueueSettings."""
    await store.queues.configure(queue, settings)


async def finish(store: Namespace, lease: Lease, outcome: Outcome) -> str:
    return (await store.leases.finish([ending(lease, outcome)]))[0]


#: A job with every option set.
FULL = JobSpec(
    "part",
    payload=b'{"n":1}',
    queue="parts",
    priority=7,
    expires_ms=120_000,
    deadline_ms=300_000,
    retention_ms=60_000,
    tags={"tenant": "acme", "kind": "part"},
    limit_key="acme",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
OK = Succeeded(b'{"ok":true}')
BROKEN = Failed(Failure("ValueError", "broken", "Traceback"))
HOPELESS = Failed(Failure("ValueError", "hopeless"), retryable=False)
LATER = Snoozed(60_000)


async def job_in(store: Namespace, state: State) -> tuple[str, Lease | None]:
    """A job in this state, and the lease under which it last ran."""
    if state is State.QUEUED:
        return await submit(store), None
    if state is State.SCHEDULED:
        return await submit(store, delay_ms=60_000), None
    if state is State.BLOCKED:
        return await blocked(store), None
    id = await submit(store)
    lease = (await claim(store)).leases[0]
    assert lease.job.id == id
    if state is State.CANCELLED:
        await store.jobs.cancel([id], 0)
        await store.leases.expire_jobs()
    elif state is not State.RUNNING:
        outcomes = {State.SUCCEEDED: OK, State.RETRYING: BROKEN, State.DEAD: HOPELESS}
        assert await finish(store, lease, outcomes[state]) == "moved"
    return id, lease


async def blocked(store: Namespace) -> str:
    """A job of a flow that waits for a scheduled one."""
    first = Node(JobSpec("work", delay_ms=60_000))
    spec = FlowSpec("flow", {"first": first, "then": Node(JobSpec("work"), (Edge("first"),))})
    id = IDS.new("flow", members=2)
    await store.flows.create(id, spec, None)
    return job_ids(id, spec)["then"]


async def state_of(store: Namespace, id: str) -> State | None:
    job = await store.queries.job(id)
    return None if job is None else job.state


async def register_worker(store: Namespace, types: Sequence[JobType] = (), **fields: Any) -> str:
    """Register a worker that does nothing else; returns its id.

    Where a test sets the scripts' clock, the worker was seen at that time. Redis' own clock, by which the
    registry decides who is lost, is far behind, so the worker stays alive however long the test takes.
    """
    seconds, _ = (await store.queries.pipeline(lambda pipe: pipe.time()))[0]
    now = int(store.scripts.now or seconds * 1000)
    given: Any = {
        "id": f"wk_{next(_numbers):026d}", "host": "here", "pid": 1, "version": "0", "queues": {"*": 1},
        "job_types": ("work",), "state": "running", "running": 0, "capacity": 20,
        "started_at": now, "seen_at": now, **fields,
    }  # fmt: skip
    record = WorkerRecord(**given)
    await store.workers.register(record, types)
    return record.id


async def wait_for_change(change: Change) -> None:
    """Wait until a watch reports a change, for far less time than a request waits."""
    await asyncio.wait_for(change.wait(), 5)
