"""Flows: acyclic graphs of jobs that wait for each other."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from service.domain.callback import Callback
from service.domain.checks import Choice, join_pointer, read_members, refuse
from service.domain.errors import TriageError
from service.domain.group import Group, GroupKind, first_due
from service.domain.ids import member_id
from service.domain.job_spec import NAME, JobSpec
from service.domain.similar import did_you_mean
from service.domain.states import State

When = Literal["succeeded", "failed", "finished"]
#: The outcome that an edge requires; a job waits for its `child` to finish, whatever the outcome.
Condition = When | Literal["child"]
OnFailure = Literal["fail", "continue"]

MAX_JOBS = 10_000
MAX_EDGES = 100_000


class FlowInvalid(TriageError):
    code = "flow_invalid"
    default_message = "The flow's jobs must form an acyclic graph within the limits."

    def __init__(self, pointer: str, code: str, message: str) -> None:
        super().__init__(
            f"{pointer}: {message}", errors=[{"pointer": pointer, "code": code, "message": message}]
        )


@dataclass(frozen=True, slots=True)
class Edge:
    """`key` names the dependency; `when` is the outcome that the edge requires."""

    key: str
    when: When = "succeeded"


@dataclass(frozen=True, slots=True)
class Node:
    """A job of a flow and its dependencies."""

    spec: JobSpec
    edges: tuple[Edge, ...] = ()


def read_edges(value: Any, pointer: str) -> tuple[Edge, ...]:
    """Read `depends_on` from its JSON form; raises SpecInvalid."""
    if not isinstance(value, list | tuple):
        refuse(pointer, "list_type", "must be a list", value)
    edges = cast("Sequence[Any]", value)
    return tuple(_read_edge(edge, join_pointer(pointer, index)) for index, edge in enumerate(edges))


def _read_edge(value: Any, pointer: str) -> Edge:
    if isinstance(value, str):
        return Edge(NAME(value, pointer))
    return Edge(**read_members(value, pointer, _EDGE, required=("key",)))


_EDGE = {"key": NAME, "when": Choice("succeeded", "failed", "finished")}


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """A flow as requested: `nodes` are in topological order."""

    name: str
    nodes: Mapping[str, Node]
    on_failure: OnFailure = "fail"
    callback: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Group):
    """The state of a flow."""

    kind: ClassVar[GroupKind] = "flow"

    name: str
    on_failure: OnFailure
    #: How many of its staged jobs have been admitted.
    admitted: int = 0
    #: How many jobs were staged; None once all are admitted.
    staged: int | None = None
    callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """`source` and `target` are keys; the target depends on the source."""

    source: str
    target: str
    when: Condition


def job_ids(flow_id: str, spec: FlowSpec) -> dict[str, str]:
    """Ids of a flow's jobs by key, in its order."""
    return {key: member_id(flow_id, number) for number, key in enumerate(spec.nodes, 1)}


def created_flow(id: str, spec: FlowSpec, at: int) -> Flow:
    """The flow right after its creation, without reading it."""
    counts = dict.fromkeys(State, 0)
    for node in spec.nodes.values():
        counts[_first_state(node, at)] += 1
    return Flow(
        id=id,
        version=1,
        state="running",
        total=len(spec.nodes),
        counts=counts,
        created_at=at,
        name=spec.name,
        on_failure=spec.on_failure,
        admitted=len(spec.nodes),
        callback=spec.callback,
    )


def _first_state(node: Node, at: int) -> State:
    if node.edges:
        return State.BLOCKED
    return State.SCHEDULED if first_due(node.spec, at) > at else State.QUEUED


def arrange(graph: Mapping[str, Sequence[Edge]], root: str = "/jobs", known: Sequence[str] = ()) -> list[str]:
    """The keys, each after its dependencies (Kahn 1962); raises FlowInvalid.

    Edges may also name the `known` keys outside the graph: children that the job added earlier.
    """
    if len(graph) > MAX_JOBS:
        raise FlowInvalid(root, "too_many_jobs", f"the limit is {MAX_JOBS:,} jobs per flow")
    if sum(len(edges) for edges in graph.values()) > MAX_EDGES:
        raise FlowInvalid(root, "too_many_edges", f"the limit is {MAX_EDGES:,} edges per flow")
    dependents: dict[str, list[str]] = {key: [] for key in graph}
    missing: dict[str, int] = {}
    for key, edges in graph.items():
        _check_edges(key, edges, graph, root, known)
        inside = [edge.key for edge in edges if edge.key in graph]
        missing[key] = len(inside)
        for dependency in inside:
            dependents[dependency].append(key)
    ready = deque(key for key in graph if missing[key] == 0)
    order: list[str] = []
    while ready:
        key = ready.popleft()
        order.append(key)
        for dependent in dependents[key]:
            missing[dependent] -= 1
            if missing[dependent] == 0:
                ready.append(dependent)
    if len(order) < len(graph):
        cycle = _cycle({key: edges for key, edges in graph.items() if missing[key] > 0})
        message = f"the dependencies form a cycle, so no job of it could start: {' -> '.join(cycle)}"
        raise FlowInvalid(join_pointer(root, cycle[0]), "cycle", message)
    return order


def descendants(dependencies: Mapping[str, Sequence[str]], start: str) -> set[str]:
    """Direct and indirect dependents of `start`; `dependencies` maps each id to the ids it depends on."""
    dependents: dict[str, list[str]] = {}
    for id, waits in dependencies.items():
        for dependency in waits:
            dependents.setdefault(dependency, []).append(id)
    found: set[str] = set()
    frontier = [start]
    while frontier:
        for dependent in dependents.get(frontier.pop(), ()):
            if dependent not in found:
                found.add(dependent)
                frontier.append(dependent)
    return found


def _check_edges(
    key: str, edges: Sequence[Edge], graph: Mapping[str, Sequence[Edge]], root: str, known: Sequence[str]
) -> None:
    seen: set[str] = set()
    for index, edge in enumerate(edges):
        pointer = f"{join_pointer(root, key)}/depends_on/{index}"
        if edge.key == key:
            raise FlowInvalid(pointer, "cycle", f"the job depends on itself: {key} -> {key}")
        if edge.key not in graph and edge.key not in known:
            close = did_you_mean(edge.key, [*graph, *known]) or "; use the key of a job in this flow"
            raise FlowInvalid(pointer, "unknown_key", f"unknown job {edge.key!r}{close}")
        if edge.key in seen:
            raise FlowInvalid(pointer, "duplicate_key", f"{edge.key!r} is listed twice")
        seen.add(edge.key)


def _cycle(graph: Mapping[str, Sequence[Edge]]) -> list[str]:
    """One cycle, each key before its dependency, of a graph in which every job has a dependency."""
    path: list[str] = []
    place: dict[str, int] = {}
    key = next(iter(graph))
    while key not in place:
        place[key] = len(path)
        path.append(key)
        key = next(edge.key for edge in graph[key] if edge.key in graph)
    return [*path[place[key] :], key]
