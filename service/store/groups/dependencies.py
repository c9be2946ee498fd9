"""Reads the results of a running job's dependencies, and adds children that it waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.errors import TooManyQueues
from service.domain.flow import Node
from service.domain.job import Lease
from service.domain.job_cost import BATCH, CHILD, SIBLING, portions
from service.domain.results import WaitResult
from service.domain.states import FINISHED, Reason
from service.store.codec.fields import text
from service.store.codec.jobs import END, decode_end
from service.store.groups.flows import CONDITIONS, Flows, spec_arguments
from service.store.groups.groups import Groups
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts

#: What quotas count for a child in addition to its texts, and for a dependency, as in lib/stored_bytes.lua.
CHILD_BYTES, DEPENDENCY_BYTES = 1_024 + 128, 256


@dataclass(frozen=True, slots=True)
class DependencyResult:
    """How a dependency finished; JSON values as text. Only a fan-out has `counts`."""

    id: str
    state: str
    result: bytes | None = None
    error: bytes | None = None
    counts: Mapping[str, int] | None = None


class Dependencies:
    """Dependencies and children of jobs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries, groups: Groups, flows: Flows) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._groups = groups
        self._flows = flows

    async def results(self, job_id: str) -> dict[str, DependencyResult]:
        """The results of the job's dependencies by key, including deleted ones."""
        edges = (await self._flows.dependencies([job_id]))[job_id]
        found: dict[str, DependencyResult] = {}
        names = list(edges)
        for start in range(0, len(names), BATCH):
            portion = [(name, edges[name][1]) for name in names[start : start + BATCH]]
            found.update(await self._read(portion))
        return found

    async def _read(self, portion: Sequence[tuple[str, str]]) -> dict[str, DependencyResult]:
        def ask(pipe: Any) -> None:
            for _, id in portion:
                pipe.hmget(keys.job(self._prefix, id=id), END)
                pipe.hmget(keys.ended(self._prefix, id=id), END)

        replies = await self._queries.pipeline(ask)
        found: dict[str, DependencyResult] = {}
        for (name, id), job, stub in zip(portion, replies[::2], replies[1::2], strict=True):
            if id.startswith("fan_"):
                found[name] = await self._fan_out(id)
            elif (end := decode_end(job, stub)) is not None:
                state, result, error = end
                found[name] = DependencyResult(id, state.value, result, error)
        return found

    async def _fan_out(self, id: str) -> DependencyResult:
        group = await self._groups.get(id)
        counts = (
            {} if group is None else {"total": group.total, **{s.value: n for s, n in group.counts.items()}}
        )
        return DependencyResult(id, "unknown" if group is None else group.state, counts=counts)

    async def children(self, job_id: str) -> dict[str, str]:
        """Ids of the job's children by key, except children that were cancelled with an earlier run."""
        edges = (await self._flows.dependencies([job_id]))[job_id]
        found = {name: id for name, (condition, id) in edges.items() if condition == CONDITIONS["child"]}
        jobs = await self._queries.jobs(list(found.values())) if found else []
        void = {job.id for job in jobs if job is not None and job.state_reason == Reason.PARENT}
        return {name: id for name, id in found.items() if id not in void}

    async def waited_for(self, job_id: str) -> set[str]:
        """Keys of the dependencies that the job had when it was submitted."""
        edges = (await self._flows.dependencies([job_id]))[job_id]
        return {name for name, (condition, _) in edges.items() if condition != CONDITIONS["child"]}

    async def have_ended(self, ids: Sequence[str]) -> bool:
        return all(job is None or job.state in FINISHED for job in await self._queries.jobs(ids))

    async def wait_for_children(
        self, lease: Lease, nodes: Mapping[str, Node], ids: Mapping[str, str]
    ) -> WaitResult:
        """Add children, each after its dependencies, and make the job wait for them.

        `ids` has the ids of new and earlier children by key. The lease ends, unless the result is READY.
        Raises TooManyQueues without adding any.
        """
        job = lease.job
        path = f"{job.flow_key}/" if job.flow_key else ""
        costs = [(node.spec, CHILD + SIBLING * len(node.edges)) for node in nodes.values()]
        rest, word = list(nodes.items()), None
        for number, count in enumerate([*portions(costs)] or [0]):
            portion, rest = rest[:count], rest[count:]
            # The first call checks that there is room for all.
            later = [node for _, node in rest] if number == 0 else []
            size = sum(map(_size_of, later))
            queues = " ".join({node.spec.queue for node in later})
            arguments: list[Argument] = [job.id, lease.token, self._scripts.max_queues]
            arguments += [int(bool(rest)), queues, len(later), size, number]
            for key, node in portion:
                waits = [f"{CONDITIONS[edge.when]} {ids[edge.key]} {edge.key}" for edge in node.edges]
                arguments += [ids[key], path + key, *spec_arguments(node.spec), " ".join(waits)]
            word = text(await self._scripts.run("wait_for_children", arguments))
            if word != "added":
                break
        if word == "too_many_queues":
            raise TooManyQueues()
        return WaitResult(word)


def _size_of(child: Node) -> int:
    """About what quotas count for it."""
    return CHILD_BYTES + len(child.spec.payload) + DEPENDENCY_BYTES * (1 + len(child.edges))
