"""What a handler sees of other jobs: the outcomes of its dependencies, and its children."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from service.domain.flow import Edge, Node, arrange
from service.domain.job import Lease
from service.store.groups.dependencies import End
from service.store.namespace import Namespace
from workers.handling.fan_out import dispatch, read_fan_out
from workers.handling.job_specs import read_spec
from workers.handling.queue_defaults import QueueDefaults
from workers.handling.registry import Registry

#: Children of one call: one script call adds them all or none.
MAX_CHILDREN = 500
#: Children of a job, over all its runs: a handler that adds more each time would never end.
MAX_CHILDREN_OF_A_JOB = 10_000
#: As the API has it for keys of flows.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Parked(BaseException):
    """Ends a run whose job waits for its children; no handler is meant to catch it."""


class Relatives:
    """Of one run: its lease decides whether it may still add anything."""

    def __init__(
        self,
        stores: Namespace,
        queues: QueueDefaults,
        registry: Registry,
        new_id: Callable[[str], str],
        lease: Lease,
    ) -> None:
        self._relations = stores.dependencies
        self._fan_outs = stores.fan_outs
        self._queues = queues
        self._registry = registry
        self._new_id = new_id
        self._lease = lease

    async def dependencies(self) -> dict[str, dict[str, Any]]:
        """Plain values: {"state", "result", "error"}, and {"id", "state", "counts"} of a fan-out."""
        return {name: _plain(end) for name, end in (await self._relations.ends(self._lease.job.id)).items()}

    async def add_children(self, children: Mapping[str, Any]) -> None:
        """Raises Parked unless all of them have finished; that ends the run, whatever the handler does."""
        if len(children) > MAX_CHILDREN:
            raise ValueError(f"the limit is {MAX_CHILDREN} children at a time; use ctx.fan_out for more")
        ids = await self._relations.children(self._lease.job.id)
        if children.keys() <= ids.keys() and await self._relations.have_ended([ids[key] for key in children]):
            return
        graph = graph_of(children)
        if taken := children.keys() & await self._relations.waited_for(self._lease.job.id):
            raise ValueError(
                f"{min(taken)!r} is the key of a job that this one waited for; use another key for the child"
            )
        order = [key for key in arrange(graph, "/children", list(ids)) if key not in ids]
        if len(ids) + len(order) > MAX_CHILDREN_OF_A_JOB:
            raise ValueError(f"the limit is {MAX_CHILDREN_OF_A_JOB:,} children per job")
        ids |= {key: self._new_id("job") for key in order}
        queues = await self._queues.read()
        nodes = {
            key: Node(read_spec(self._registry, children[key]["job"], queues), graph[key]) for key in order
        }
        if await self._relations.park(self._lease, nodes, ids) != "ready":
            raise Parked

    async def fan_out(
        self,
        number: int,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> str:
        """`number` counts the calls of one run: it tells its fan-outs apart."""
        spec = read_fan_out(self._registry, await self._queues.read(), name, then, options)
        return await dispatch(self._fan_outs, self._lease, number, spec, payloads, self._registry)


def graph_of(children: Mapping[str, Any]) -> dict[str, tuple[Edge, ...]]:
    """By key what each child waits for; raises ValueError for children that are not written as they are."""
    for key in children:
        if not _KEY.fullmatch(key):
            raise ValueError(f"Invalid child key {key!r}: use letters, digits and . _ : -")
    return {key: _edges(child) for key, child in children.items()}


def _edges(child: Mapping[str, Any]) -> tuple[Edge, ...]:
    unknown = child.keys() - {"job", "depends_on"}
    if unknown or "job" not in child:
        raise ValueError("a child must be {'job': JobSpec, 'depends_on': [...]}")
    return tuple(
        Edge(edge) if isinstance(edge, str) else Edge(edge["key"], edge.get("when", "succeeded"))
        for edge in child.get("depends_on", ())
    )


def _plain(end: End) -> dict[str, Any]:
    if end.counts is not None:
        return {"id": end.id, "state": end.state, "counts": dict(end.counts)}
    return {
        "state": end.state,
        "result": None if end.result is None else orjson.loads(end.result),
        "error": None if end.error is None else orjson.loads(end.error),
    }
