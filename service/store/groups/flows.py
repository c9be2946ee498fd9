"""Creates flows: stages their jobs invisibly, then commits the whole flow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from service.domain.callback import Callback
from service.domain.errors import (
    BackendUnavailable,
    IdempotencyKeyReused,
    OutcomeUnknown,
    TooManyQueues,
    TriageError,
)
from service.domain.flow import Condition, Edge, Flow, FlowSpec, GraphEdge, created_flow, job_ids
from service.domain.ids import member_id
from service.domain.job_cost import BATCH, portions
from service.domain.job_spec import JobSpec
from service.store.codec.fields import texts
from service.store.codec.groups import decode_edges, encode_contents
from service.store.codec.jobs import encode_options, encode_tags
from service.store.codec.traits import encode_traits
from service.store.codec.webhooks.callbacks import encode_callback
from service.store.groups.groups import RETENTION_MS, Groups
from service.store.jobs import IDEMPOTENCY_MS, Idempotency
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts

#: Edges per script call.
LINKS = 500

#: It took too long, or a failover has lost a part of it.
_INTERRUPTED = "Storing the flow was interrupted. Submit it again."

#: The conditions of edges as scripts write them; `child` is an edge from a job to a child that it added.
CONDITIONS: Mapping[Condition, int] = {"succeeded": 0, "failed": 1, "finished": 2, "child": 3}
_CONDITION: Mapping[int, Condition] = {code: condition for condition, code in CONDITIONS.items()}


@dataclass(frozen=True, slots=True)
class Admission:
    """The flow as created, and its jobs by key; `replayed`: an earlier request created it."""

    flow: Flow
    jobs: Mapping[str, str]
    replayed: bool = False


class Flows:
    """Creates flows of one namespace and reads their graphs."""

    def __init__(self, scripts: Scripts, queries: Queries, groups: Groups) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._groups = groups

    async def create(self, id: str, spec: FlowSpec, idempotency: Idempotency | None) -> Admission:
        """Create the whole flow or nothing. A crash may leave staged jobs, which no client sees.

        The first script call commits the flow and the first jobs; further calls admit the others.
        Raises IdempotencyKeyReused and TooManyQueues.
        """
        jobs = job_ids(id, spec)
        try:
            await self._stage(id, spec, jobs)
        except OutcomeUnknown as error:
            raise BackendUnavailable() from error  # Clients do not see staged jobs.
        return await self._commit(id, spec, jobs, idempotency)

    async def _stage(self, id: str, spec: FlowSpec, jobs: Mapping[str, str]) -> None:
        rest, staged = iter(jobs), 0
        for count in portions((spec.nodes[key].spec, 0) for key in jobs):
            rows: list[Argument] = [id, staged]
            for key in islice(rest, count):
                rows += [jobs[key], key, *spec_arguments(spec.nodes[key].spec, id)]
            await self._stage_part("stage_flow_jobs", rows)
            staged += count
        edges, last = _edges(spec, jobs), ""
        for start in range(0, len(edges), LINKS):
            rows = [id, staged, last]
            for dependent, dependency, edge in edges[start : start + LINKS]:
                rows += [dependent, dependency, edge.key, CONDITIONS[edge.when]]
                last = f"{dependent} {dependency}"
            await self._stage_part("link_flow_jobs", rows)

    async def _stage_part(self, command: str, rows: Sequence[Argument]) -> None:
        """Each call checks that the ones before are still there: a failover may come between any two."""
        if not await self._scripts.run(command, rows):
            raise BackendUnavailable(_INTERRUPTED)

    async def _commit(
        self, id: str, spec: FlowSpec, jobs: Mapping[str, str], idempotency: Idempotency | None
    ) -> Admission:
        admitted, total, created_at = 0, len(jobs), 0
        contents = encode_contents(spec)
        last = " ".join(edges[-1][:2]) if (edges := _edges(spec, jobs)) else list(jobs.values())[-1]
        while admitted < total:
            try:
                reply = await self._admit(
                    id,
                    admitted,
                    total,
                    (spec.name, spec.on_failure),
                    (contents, last),
                    idempotency,
                    spec.callback,
                )
            except TriageError:
                if not admitted:
                    raise
                break  # It is committed; a background task admits the other jobs.
            word, found = texts(reply[:2])
            at = int(reply[2])
            match word:
                case "replayed":
                    return Admission(created_flow(found, spec, at), job_ids(found, spec), replayed=True)
                case "reused":
                    raise IdempotencyKeyReused()
                case "too_many_queues":
                    raise TooManyQueues()
                case "missing":
                    raise BackendUnavailable(_INTERRUPTED)
                case _:
                    admitted, created_at = int(reply[3]), at
        return Admission(created_flow(id, spec, created_at), jobs)

    async def admit_rest(self, id: str) -> None:
        """Admit the jobs that are missing because a process died after committing the flow."""
        while (flow := await self._groups.find(Flow, id)) is not None:
            # The total includes children that were added since, which were never staged.
            staged = flow.total if flow.staged is None else min(flow.staged, flow.total)
            if flow.admitted >= staged:
                return
            await self._admit(id, flow.admitted, staged, ("", ""), ("", ""), None, None)

    async def _admit(
        self,
        id: str,
        admitted: int,
        total: int,
        settings: tuple[str, str],
        staging: tuple[str, str],
        idempotency: Idempotency | None,
        callback: Callback | None,
    ) -> list[Any]:
        """`staging`: for the first call, the queues of all jobs and what was staged last."""
        # In reverse order, so that a job is there before its dependencies can finish.
        last = total - admitted
        ids = [member_id(id, number) for number in range(last, max(last - BATCH, 0), -1)]
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        head: list[Argument] = [id, admitted, total, *settings, RETENTION_MS, digest, request, IDEMPOTENCY_MS]
        more: list[Argument] = [self._scripts.max_queues, *staging, encode_callback(callback)]
        return await self._scripts.run("commit_flow", [*head, *more, *ids])

    async def graph(self, id: str) -> tuple[dict[str, str], list[GraphEdge]]:
        """Job ids by key, and the edges between keys."""
        jobs = await self._groups.flow_jobs(id)
        key_of = {job: key for key, job in jobs.items()}
        edges = [
            GraphEdge(key_of[dependency], key_of[dependent], _CONDITION[condition])
            for dependent, found in (await self.dependencies(list(jobs.values()))).items()
            for condition, dependency in found.values()
            if dependency in key_of
        ]
        return jobs, edges

    async def dependencies(self, ids: Sequence[str]) -> dict[str, dict[str, tuple[int, str]]]:
        """The dependencies of each job: by key, the condition and the id."""
        found: dict[str, dict[str, tuple[int, str]]] = {}
        for start in range(0, len(ids), BATCH):
            portion = ids[start : start + BATCH]

            def ask(pipe: Any, portion: Sequence[str] = portion) -> None:
                for id in portion:
                    pipe.hgetall(keys.dependencies(self._prefix, id=id))

            for id, fields in zip(portion, await self._queries.pipeline(ask), strict=True):
                found[id] = decode_edges(fields)
        return found


def spec_arguments(spec: JobSpec, group: str = "") -> list[Argument]:
    """A job spec in the order of job_records.lua."""
    return [
        encode_traits(spec, group),
        spec.payload,
        encode_options(spec),
        spec.delay_ms,
        *("" if value is None else value for value in (spec.run_at_ms, spec.expires_ms, spec.deadline_ms)),
        encode_tags(spec.tags),
        encode_callback(spec.callback),
    ]


def _edges(spec: FlowSpec, jobs: Mapping[str, str]) -> list[tuple[str, str, Edge]]:
    """Dependent, dependency and edge, in the order in which they are staged."""
    return [(jobs[key], jobs[edge.key], edge) for key, node in spec.nodes.items() for edge in node.edges]
