"""A handler's access to other jobs: its dependencies, its children, and its fan-outs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from service.domain.checks import join_pointer, read_members, read_object
from service.domain.flow import Edge, Node, arrange, read_edges
from service.domain.job import Lease
from service.domain.job_spec import NAME
from service.domain.results import WaitResult
from service.store.groups.dependencies import DependencyResult
from service.store.namespace import Namespace
from workers.handling.fan_out import create_fan_out, read_fan_out
from workers.handling.job_specs import JobSpecs, name_of

#: The most children per call, since one script call adds all or none.
MAX_CHILDREN = 500
#: The most children of a job over all its runs: a handler that adds more in each run would never finish.
MAX_CHILDREN_OF_A_JOB = 10_000


class WaitingForChildren(BaseException):
    """Ends a run whose job waits for its children; handlers should not catch it."""


class RelatedJobs:
    """For one run, whose lease decides whether it may still add children."""

    def __init__(
        self,
        namespace: Namespace,
        specs: JobSpecs,
        new_id: Callable[[str], str],
        lease: Lease,
    ) -> None:
        self._dependencies = namespace.dependencies
        self._fan_outs = namespace.fan_outs
        self._specs = specs
        self._new_id = new_id
        self._lease = lease

    async def dependencies(self) -> dict[str, dict[str, Any]]:
        """By name {"state", "result", "error"} of a job and {"id", "state", "counts"} of a fan-out."""
        return {
            name: _plain(end) for name, end in (await self._dependencies.results(self._lease.job.id)).items()
        }

    async def add_children(self, children: Mapping[str, Any]) -> None:
        """Return if all children have finished; otherwise raise WaitingForChildren, which ends the run."""
        if len(read_object(children, "/children")) > MAX_CHILDREN:
            raise ValueError(f"the limit is {MAX_CHILDREN} children at a time; use ctx.fan_out for more")
        ids = await self._dependencies.children(self._lease.job.id)
        if children.keys() <= ids.keys() and await self._dependencies.have_ended(
            [ids[key] for key in children]
        ):
            return
        jobs, graph = read_children(children)
        if reused := children.keys() & await self._dependencies.waited_for(self._lease.job.id):
            raise ValueError(
                f"{min(reused)!r} is the key of a job that this one waited for; use another key for the child"
            )
        order = [key for key in arrange(graph, "/children", list(ids)) if key not in ids]
        if len(ids) + len(order) > MAX_CHILDREN_OF_A_JOB:
            raise ValueError(f"the limit is {MAX_CHILDREN_OF_A_JOB:,} children per job")
        ids |= {key: self._new_id("job") for key in order}
        reader = await self._specs.reader(name_of(jobs[key]) for key in order)
        nodes = {key: Node(reader.read(jobs[key], _at(key), inside="flow"), graph[key]) for key in order}
        if await self._dependencies.wait_for_children(self._lease, nodes, ids) is not WaitResult.READY:
            raise WaitingForChildren

    async def fan_out(
        self,
        number: int,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> str:
        """`number` counts the calls of a run, to distinguish its fan-outs."""
        reader = await self._specs.reader([name, then if isinstance(then, str) else name_of(then)])
        spec = read_fan_out(reader, name, then, options)
        return await create_fan_out(self._fan_outs, self._lease, number, spec, payloads, reader.registry)


def read_children(children: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[Edge, ...]]]:
    """The JobSpec and the dependencies of each child, by key; raises SpecInvalid."""
    jobs: dict[str, Any] = {}
    graph: dict[str, tuple[Edge, ...]] = {}
    for key, child in children.items():
        pointer = join_pointer("/children", key)
        NAME(key, pointer)
        found = read_members(child, pointer, _CHILD, required=("job",))
        jobs[key], graph[key] = found["job"], found.get("depends_on", ())
    return jobs, graph


_CHILD = {"job": read_object, "depends_on": read_edges}


def _at(key: str) -> str:
    return f"{join_pointer('/children', key)}/job"


def _plain(end: DependencyResult) -> dict[str, Any]:
    if end.counts is not None:
        return {"id": end.id, "state": end.state, "counts": dict(end.counts)}
    return {
        "state": end.state,
        "result": None if end.result is None else orjson.loads(end.result),
        "error": None if end.error is None else orjson.loads(end.error),
    }
