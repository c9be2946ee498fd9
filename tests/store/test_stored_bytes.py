"""Whatever a namespace stores, its quotas count at least half of the memory that it takes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Failed, Failure, Succeeded
from service.domain.retry import RetryPolicy
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.store import children
from tests.support.factories import IDS, claim, ending, new_id
from tests.support.quota_invariants import set_quotas

pytestmark = pytest.mark.anyio

#: Bytes of each key that MEMORY USAGE does not count: its place among the keys that expire.
PLACE = 32
DAY = 86_400_000
FATAL = Failed(Failure("Fatal", "It broke.", ""), retryable=False)


async def memory(store: Namespace) -> int:
    """The bytes of everything that a client stores, without settings and the history."""
    redis, prefix, total = store.scripts.redis, store.scripts.prefix, 0
    async for key in redis.scan_iter(match=prefix + "*", count=1000):
        kind = key.decode().removeprefix(prefix).partition(":")[0]
        if not kind.startswith(("stats", "wake", "quotas", "pools", "worker")):
            total += await redis.memory_usage(key, samples=0) + PLACE
    return total


async def counted(store: Namespace) -> int:
    used = await store.scripts.run("read_usage", [])
    return used[2] + used[7]


async def submit(store: Namespace, specs: Sequence[JobSpec]) -> None:
    await store.jobs.submit([Submission(new_id(), spec) for spec in specs])


async def plain(store: Namespace) -> None:
    await submit(store, [JobSpec("work") for _ in range(200)])


async def with_everything(store: Namespace) -> None:
    def spec(n: int) -> JobSpec:
        tags = {f"{tag:02d}{'k' * 60}": f"{n:08d}{'v' * 50}" for tag in range(16)}
        unique = Unique(f"{n:08d}{'u' * 50}")
        key = f"{n:08d}{'l' * 50}"
        return JobSpec(
            "work", b"{}", tags=tags, limit_key=key, unique=unique, expires_ms=DAY, deadline_ms=DAY
        )

    await submit(store, [spec(n) for n in range(200)])


async def keyed(store: Namespace) -> None:
    def submission(n: int) -> Submission:
        return Submission(new_id(), JobSpec("work"), Idempotency("POST /v1/jobs", f"key-{n}", "r" * 64))

    await store.jobs.submit([submission(n) for n in range(200)])
    # Only the records of the keys remain.
    await store.jobs.delete([lease.job.id for lease in await run_all(store, Succeeded(b"null"))])


async def run_all(store: Namespace, outcome: Any) -> list[Any]:
    leases: list[Any] = []
    while found := (await claim(store, 100)).leases:
        await store.leases.finish([ending(lease, outcome) for lease in found])
        leases += found
    return leases


async def flow_of(store: Namespace, nodes: dict[str, Node]) -> dict[str, str]:
    spec, id = FlowSpec("flow", nodes, "continue"), IDS.new("flow", members=len(nodes))
    await store.flows.create(id, spec, None)
    return job_ids(id, spec)


async def wide_flow(store: Namespace) -> None:
    """Each job of the second half waits for all of the first."""
    first = [f"{n:03d}{'a' * 50}" for n in range(140)]
    nodes = {key: Node(JobSpec("work")) for key in first}
    edges = tuple(Edge(key) for key in first)
    nodes |= {f"{n:03d}{'b' * 50}": Node(JobSpec("work"), edges) for n in range(140)}
    await flow_of(store, nodes)


async def long_chain(store: Namespace) -> None:
    nodes: dict[str, Node] = {}
    for n in range(200):
        nodes[f"{n}"] = Node(JobSpec("work"), (Edge(f"{n - 1}"),) if n else ())
    await flow_of(store, nodes)


async def flows_without_jobs(store: Namespace) -> None:
    """Flows outlive their jobs by a day."""
    for _ in range(100):
        ids = await flow_of(store, {"a" * 64: Node(JobSpec("work", retention_ms=0))})
        await run_all(store, Succeeded(b"null"))
        await store.jobs.delete(list(ids.values()))


async def fan_out_of(store: Namespace, spec: FanOutSpec, items: Sequence[Item]) -> str:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, spec, len(items), None)
    await store.fan_outs.add_items(id, items)
    return id


async def fan_outs_without_items(store: Namespace) -> None:
    for _ in range(100):
        await fan_out_of(store, FanOutSpec(JobSpec("work")), [])


async def fan_outs_with_a_last_item(store: Namespace) -> None:
    for _ in range(5):
        await fan_out_of(store, FanOutSpec(JobSpec("work"), whole=False), [Item(999_999, b"{}")])


async def templates(store: Namespace) -> None:
    template = JobSpec("work", b'{"":"%s"}' % (b"x" * 60_000))
    for _ in range(10):
        await fan_out_of(store, FanOutSpec(template), [Item(0, b"{}"), Item(1, b"{}")])


async def dead(store: Namespace) -> None:
    await submit(store, [JobSpec("work") for _ in range(200)])
    await run_all(store, FATAL)


async def attempts(store: Namespace) -> None:
    outcome = Failed(Failure("Broken", "m" * 500, "t" * 1_500))
    await submit(store, [JobSpec("work", retry=RetryPolicy(max_attempts=60, delay_ms=0, jitter=0))] * 10)
    for _ in range(55):
        await run_all_once(store, outcome)


async def run_all_once(store: Namespace, outcome: Any) -> None:
    store.scripts.now = str(int(store.scripts.now) + 1)
    await store.leases.finish([ending(lease, outcome) for lease in (await claim(store, 100)).leases])


async def logs(store: Namespace) -> None:
    await submit(store, [JobSpec("work")])
    (lease,) = (await claim(store)).leases
    for _ in range(1_100):
        await store.leases.append_log(lease, b'{"message":"%s"}' % (b"x" * 200))


async def results_kept_for_a_flow(store: Namespace) -> None:
    nodes = {f"{n}": Node(JobSpec("work", retention_ms=0)) for n in range(100)}
    ids = await flow_of(store, {**nodes, "late": Node(JobSpec("work", delay_ms=DAY))})
    await run_all(store, Succeeded(b'"%s"' % (b"x" * 1_000)))
    await store.jobs.delete([id for key, id in ids.items() if key != "late"])


async def results_kept_for_a_parent(store: Namespace) -> None:
    await submit(store, [JobSpec("work")])
    (lease,) = (await claim(store)).leases
    nodes = {f"{n}": children.child(name="part") for n in range(100)}
    ids = await children.add_children(store, lease, {**nodes, "late": children.child(delay_ms=DAY)})
    leases = (await claim(store, 100, types={"part": None})).leases
    await store.leases.finish([ending(lease, Succeeded(b'"%s"' % (b"x" * 1_000))) for lease in leases])
    await store.jobs.delete([id for key, id in ids.items() if key != "late"])


WAYS: list[Callable[[Namespace], Awaitable[None]]] = [
    plain, with_everything, keyed, wide_flow, long_chain, flows_without_jobs, fan_outs_without_items,
    fan_outs_with_a_last_item, templates, dead, attempts, logs, results_kept_for_a_flow,
    results_kept_for_a_parent,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_quotas_count_at_least_half_of_the_memory(
    store: Namespace,
    at: int,
    record_property: Callable[[str, object], None],
    way: Callable[[Namespace], Awaitable[None]],
) -> None:
    await set_quotas(store)
    # Names of queues and types are stored once.
    await submit(store, [JobSpec("work", delay_ms=DAY)])
    before = await memory(store), await counted(store)
    await way(store)
    taken, charged = await memory(store) - before[0], await counted(store) - before[1]
    record_property("taken / counted", round(taken / charged, 2))
    assert taken <= 2 * charged
    assert charged <= 4 * taken
