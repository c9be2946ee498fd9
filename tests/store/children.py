"""Jobs that add children and wait for them."""

from collections.abc import Mapping
from typing import Any

from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job import Job, Lease
from service.domain.job_spec import JobSpec
from service.store.namespace import Namespace
from tests.support import factories
from tests.support.factories import IDS, claim

MINUTE = 60_000


def child(*edges: Edge, **fields: Any) -> Node:
    given: Any = {"name": "part", **fields}
    return Node(JobSpec(**given), edges)


async def lease_of(store: Namespace, kind: str = "part", slots: int = 10) -> dict[str, Lease]:
    """Leases by job id, on every queued job of this type."""
    leases = (await claim(store, slots, types={kind: None})).leases
    return {lease.job.id: lease for lease in leases}


async def parent(store: Namespace) -> Lease:
    await factories.submit(store)
    return (await claim(store)).leases[0]


async def parent_in_flow(store: Namespace) -> Lease:
    """The parent has the key `parent`; a job `after` depends on it."""
    spec = FlowSpec("flow", {"parent": Node(JobSpec("work")), "after": child(Edge("parent"))}, "continue")
    id = IDS.new("flow", members=2)
    await store.flows.create(id, spec, None)
    lease = (await claim(store)).leases[0]
    assert lease.job.id == job_ids(id, spec)["parent"]
    return lease


async def add_children(
    store: Namespace, lease: Lease, nodes: Mapping[str, Node], word: str = "waiting"
) -> dict[str, str]:
    ids = {key: factories.new_id() for key in nodes}
    assert await store.dependencies.wait_for_children(lease, nodes, ids) == word
    return ids


async def job(store: Namespace, id: str) -> Job:
    found = await store.queries.job(id)
    assert found is not None
    return found
