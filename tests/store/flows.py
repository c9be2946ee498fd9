"""Flows, and running their jobs."""

from collections.abc import Mapping
from typing import Any

from service.clock import Clock
from service.domain.flow import Edge, FlowSpec, Node, OnFailure, When, arrange, job_ids
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.store.namespace import Namespace
from tests.support.factories import claim

NUMBERS = iter(range(1, 10**9))


IDS = IdFactory(Clock().now_ms, lambda size: next(NUMBERS).to_bytes(size))


def spec_of(
    edges: Mapping[str, Mapping[str, When]], on_failure: OnFailure = "continue", **fields: Any
) -> FlowSpec:
    graph = {key: tuple(Edge(*edge) for edge in found.items()) for key, found in edges.items()}
    return FlowSpec(
        "flow", {key: Node(JobSpec("work", **fields), graph[key]) for key in arrange(graph)}, on_failure
    )


async def create(store: Namespace, spec: FlowSpec) -> tuple[str, dict[str, str]]:
    id = IDS.new("flow", members=len(spec.nodes))
    await store.flows.create(id, spec, None)
    return id, job_ids(id, spec)


async def run(store: Namespace, id: str) -> Lease:
    """A lease on the only queued job of a flow."""
    lease = (await claim(store)).leases[0]
    assert lease.job.id == id
    return lease


async def end_of(store: Namespace, id: str) -> str:
    await store.group_tasks.work()
    group = await store.groups.get(id)
    assert group is not None
    return group.state
