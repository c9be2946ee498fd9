"""Creating flows in the store and finishing their jobs."""

from collections.abc import Mapping
from typing import Any

from service.domain.flow import Edge, FlowSpec, Node, OnFailure, When, job_ids
from service.domain.group import Group
from service.domain.job import Job
from service.domain.job_spec import JobSpec
from service.store.namespace import Namespace
from tests.support import factories
from tests.support.factories import IDS, OK, claim

MINUTE = 60_000


def after(*keys: str, when: When = "succeeded", **fields: Any) -> Node:
    given: Any = {"name": "work", **fields}
    return Node(JobSpec(**given), tuple(Edge(key, when) for key in keys))


async def create(
    store: Namespace, nodes: Mapping[str, Node], on_failure: OnFailure = "continue"
) -> tuple[str, dict[str, str]]:
    spec, id = FlowSpec("flow", nodes, on_failure), IDS.new("flow", members=len(nodes))
    await store.flows.create(id, spec, None)
    return id, job_ids(id, spec)


async def end(store: Namespace, ids: list[str], outcome: Any = OK) -> None:
    """Finish these jobs, the only queued ones, in this order and in one batch."""
    leases = {lease.job.id: lease for lease in (await claim(store, len(ids))).leases}
    assert sorted(leases) == sorted(ids)
    words = await store.leases.finish([factories.ending(leases[id], outcome) for id in ids])
    assert set(words) == {"moved"}


async def group(store: Namespace, id: str) -> Group:
    found = await store.groups.get(id)
    assert found is not None
    return found


async def job(store: Namespace, id: str) -> Job:
    found = await store.queries.job(id)
    assert found is not None
    return found
