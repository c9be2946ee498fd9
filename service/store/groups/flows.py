"""Flows on their way in: staged where nobody sees them, then admitted whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.domain.errors import BackendUnavailable, OutcomeUnknown, TooManyQueues, TriageError
from service.domain.flow import Edge, FlowSpec
from service.domain.ids import member_id
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store import codec
from service.store.groups.groups import RETENTION_MS, Group, Groups
from service.store.jobs import BATCH, IDEMPOTENCY_MS, Idempotency
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts

#: Edges per script call.
LINKS = 1_000

#: What an edge demands, as link_flow_jobs.lua and groups.lua spell it; a child is waited for by the job
#: that added it, a fan-out by its follow-up (create_fan_out.lua).
DEMANDS = {"succeeded": 0, "failed": 1, "finished": 2, "child": 3}
_WHEN = {str(code): when for when, code in DEMANDS.items()}


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a flow; `group` is the flow as it was first answered."""

    word: Literal["moved", "replayed", "reused"]
    group: Group
    jobs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """`source` and `target` are keys; the target waits for the source."""

    source: str
    target: str
    when: str


class Flows:
    """Creates flows of one namespace and reads their graphs."""

    def __init__(self, scripts: Scripts, queries: Queries, groups: Groups) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._groups = groups

    async def create(self, id: str, spec: FlowSpec, idempotency: Idempotency | None) -> Admission:
        """Admitted whole or not at all: what a crash leaves staged is never seen, and swept later.
        Raises TooManyQueues.

        Up to BATCH jobs become visible in one script call, more of them in several after one that commits.
        """
        jobs = job_ids(id, spec)
        try:
            await self._stage(id, spec, jobs)
        except OutcomeUnknown as error:
            raise BackendUnavailable() from error  # nobody sees what was stored of it
        return await self._commit(id, spec, jobs, idempotency)

    async def _stage(self, id: str, spec: FlowSpec, jobs: Mapping[str, str]) -> None:
        for start in range(0, len(jobs), BATCH):
            rows: list[Argument] = [id]
            for key in list(jobs)[start : start + BATCH]:
                rows += [jobs[key], key, *spec_arguments(spec.nodes[key].spec)]
            await self._scripts.run("stage_flow_jobs", rows)
        edges = [(jobs[key], jobs[edge.key], edge) for key, node in spec.nodes.items() for edge in node.edges]
        for start in range(0, len(edges), LINKS):
            rows = []
            for dependent, dependency, edge in edges[start : start + LINKS]:
                rows += [dependent, dependency, edge.key, DEMANDS[edge.when]]
            await self._scripts.run("link_flow_jobs", rows)

    async def _commit(
        self, id: str, spec: FlowSpec, jobs: Mapping[str, str], idempotency: Idempotency | None
    ) -> Admission:
        admitted, total, created_at = 0, len(jobs), 0
        queues = " ".join({node.spec.queue for node in spec.nodes.values()})
        while admitted < total:
            try:
                reply = await self._admit(
                    id, admitted, total, (spec.name, spec.on_failure), queues, idempotency
                )
            except TriageError:
                if not admitted:
                    raise
                break  # it is committed: whoever keeps groups admits the rest
            word, found, at = reply[0].decode(), reply[1].decode(), int(reply[2])
            if word in ("replayed", "reused"):
                original = job_ids(found, spec)
                return Admission(word, first_answer(found, spec, at), original)
            if word == "too_many_queues":
                raise TooManyQueues()
            if word == "missing":
                raise BackendUnavailable("Storing the flow took too long. Submit it again.")
            admitted, created_at = int(reply[3]), at
        return Admission("moved", first_answer(id, spec, created_at), jobs)

    async def admit_rest(self, id: str) -> None:
        """Go on where a process that had committed a flow was interrupted."""
        group = await self._groups.get(id)
        while group is not None and int(group.fields.get(b"admitted", 0)) < group.total:
            # Children that were added meanwhile count in the total, but were never staged.
            admitted = int(group.fields.get(b"admitted", 0))
            staged = int(group.fields.get(b"staged", group.total))
            if admitted >= staged:
                return
            await self._admit(id, admitted, staged, ("", ""), "", None)
            group = await self._groups.get(id)

    async def _admit(
        self,
        id: str,
        admitted: int,
        total: int,
        settings: tuple[str, str],
        queues: str,
        idempotency: Idempotency | None,
    ) -> list[Any]:
        # From the end of the order: whoever waits is there before what it waits for can end.
        last = total - admitted
        ids = [member_id(id, number) for number in range(last, max(last - BATCH, 0), -1)]
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        head: list[Argument] = [id, admitted, total, *settings, RETENTION_MS, digest, request, IDEMPOTENCY_MS]
        return await self._scripts.run("commit_flow", [*head, self._scripts.max_queues, queues, *ids])

    async def graph(self, id: str) -> tuple[dict[str, str], list[GraphEdge]]:
        """Job ids by key, and the edges between keys."""
        jobs = await self._groups.flow_jobs(id)
        key_of = {job: key for key, job in jobs.items()}
        edges = [
            GraphEdge(key_of[dependency], key_of[dependent], _WHEN[demand])
            for dependent, found in (await self.dependencies(list(jobs.values()))).items()
            for demand, dependency in found.values()
            if dependency in key_of
        ]
        return jobs, edges

    async def dependencies(self, ids: Sequence[str]) -> dict[str, dict[str, tuple[str, str]]]:
        """Per job what it waits for: by key, the demand and the id."""
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for start in range(0, len(ids), BATCH):
            portion = ids[start : start + BATCH]

            def ask(pipe: Any, portion: Sequence[str] = portion) -> None:
                for id in portion:
                    pipe.hgetall(keys.dependencies(self._prefix, id=id))

            for id, fields in zip(portion, await self._queries.pipeline(ask), strict=True):
                found[id] = {key.decode(): _demand(value) for key, value in fields.items()}
        return found


def job_ids(id: str, spec: FlowSpec) -> dict[str, str]:
    """Ids of a flow's jobs, in its order."""
    return {key: member_id(id, number) for number, key in enumerate(spec.nodes, 1)}


def first_answer(id: str, spec: FlowSpec, at: int) -> Group:
    """The flow as its submission was answered, rebuilt without reading it."""
    counts = dict.fromkeys(State, 0)
    for node in spec.nodes.values():
        counts[_first_state(node.spec, node.edges, at)] += 1
    fields = {b"name": spec.name.encode(), b"on_failure": spec.on_failure.encode(), b"sealed": b"1"}
    return Group(id, 1, "running", len(spec.nodes), counts, at, None, fields)


def _first_state(spec: JobSpec, edges: Sequence[Edge], at: int) -> State:
    if edges:
        return State.BLOCKED
    due = spec.run_at_ms if spec.run_at_ms is not None else at + spec.delay_ms
    return State.SCHEDULED if due > at else State.QUEUED


def spec_arguments(spec: JobSpec) -> list[Argument]:
    """A job of a flow as stage_flow_jobs.lua and wait_for_children.lua are sent it, after its id and key."""
    return [
        spec.name,
        spec.queue,
        spec.limit_key or "",
        spec.priority,
        spec.delay_ms,
        *("" if value is None else value for value in (spec.run_at_ms, spec.expires_ms, spec.deadline_ms)),
        spec.retention_ms,
        spec.payload,
        codec.encode_options(spec),
        codec.encode_tags(spec.tags),
    ]


def _demand(value: bytes) -> tuple[str, str]:
    demand, _, id = value.decode().partition(" ")
    return demand, id
