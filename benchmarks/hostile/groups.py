"""Creates, runs, retries and deletes the largest flows, fan-outs and families of children."""

from collections.abc import Mapping

from benchmarks.hostile.stage import (
    DAY,
    FATAL,
    OK,
    TAGS,
    Stage,
    claim_all,
    finishes,
    full,
    new_id,
    submit,
)
from service.clock import Clock
from service.domain.fan_out import FanOutSpec, Item
from service.domain.flow import MAX_EDGES, MAX_JOBS, Edge, FlowSpec, Node, OnFailure, arrange, job_ids
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits
from service.domain.outcome import Outcome
from service.store.groups.fan_outs import ITEMS_PER_CALL
from service.store.namespace import Namespace

#: Jobs of the flows whose size does not matter: work on them is cut into portions.
SOME = 2_000
#: The children that a handler may add at a time, and in all (workers/handling/dependencies.py).
CHILDREN, ROUNDS = 500, 20

Graph = Mapping[str, tuple[Edge, ...]]


def _spec(graph: Graph, on_failure: OnFailure = "continue", *, plain: bool = False) -> FlowSpec:
    places = {key: place for place, key in enumerate(graph)}

    def job(key: str) -> JobSpec:
        return JobSpec("work-0") if plain else full(places[key], queue=f"queue-{places[key] % 500}")

    return FlowSpec("flow", {key: Node(job(key), graph[key]) for key in arrange(graph)}, on_failure)


def layered(jobs: int = SOME) -> Graph:
    """Jobs that each depend on as many before them as a flow has edges for."""
    width = MAX_EDGES // MAX_JOBS
    return {
        f"job-{place}": tuple(Edge(f"job-{other}") for other in range(max(0, place - width), place))
        for place in range(jobs)
    }


def star(jobs: int = MAX_JOBS) -> Graph:
    """One job with many dependents, which all are dependencies of another."""
    middle = [f"job-{place}" for place in range(jobs - 2)]
    return {
        "first": (),
        **{key: (Edge("first"),) for key in middle},
        "last": tuple(Edge(key) for key in middle),
    }


async def _create(namespace: Namespace, spec: FlowSpec) -> str:
    id = new_id("flow", members=len(spec.nodes))
    await namespace.flows.create(id, spec, None)
    return id


async def _end(namespace: Namespace, id: str) -> None:
    """Retry, cancel and delete a flow."""
    await namespace.group_tasks.work()
    for _ in range(2):
        if (group := await namespace.groups.get(id)) is not None and group.state in ("running", "open"):
            await namespace.groups.request_cancel(id, 0)
            await namespace.group_tasks.work()
        await namespace.groups.request_retry(id)
        await namespace.group_tasks.work()
    group = await namespace.groups.get(id)
    assert group is not None
    await namespace.group_jobs.page(group, JobFilter(name="none"), 100, None)
    await namespace.groups.request_cancel(id, 0)
    await namespace.group_tasks.work()
    await namespace.groups.delete(id)
    await namespace.group_tasks.work()


async def layered_flow(stage: Stage) -> None:
    await _flow(stage, await stage.namespace("flow-layered", endpoints=1), layered(), OK)


async def star_flow(stage: Stage) -> None:
    await _flow(stage, await stage.namespace("flow-star", endpoints=0), star(), OK, plain=True)


async def observed_flow(stage: Stage) -> None:
    """Each job that ends is a delivery to every webhook."""
    await _flow(stage, await stage.namespace("flow-observed"), star(SOME // 4), FATAL)


async def failed_flow(stage: Stage) -> None:
    await _flow(stage, await stage.namespace("flow-failed", endpoints=0), star(), FATAL, plain=True)


async def abandoned_flow(stage: Stage) -> None:
    namespace = await stage.namespace("flow-abandoned")
    spec = _spec(layered())
    id = new_id("flow", members=len(spec.nodes))
    await namespace.flows._stage(id, spec, job_ids(id, spec))  # pyright: ignore[reportPrivateUsage]
    namespace.scripts.now = str(Clock().now_ms() + DAY)
    await namespace.group_tasks.forget_ended()


async def _flow(
    stage: Stage, namespace: Namespace, graph: Graph, outcome: Outcome, *, plain: bool = False
) -> None:
    id = await _create(namespace, _spec(graph, "fail", plain=plain))
    jobs = await namespace.groups.flow_jobs(id)
    await namespace.explanations.of(jobs[list(graph)[-1]])
    await namespace.leases.finish(finishes(await claim_all(namespace, 1), outcome))
    await stage.listen(namespace)
    await _end(namespace, id)


async def fan_outs(stage: Stage) -> None:
    namespace = await stage.namespace("fan-out", endpoints=1)
    await namespace.queues.configure("items", {"per_key": KeyLimits(max_concurrency=10)})
    template = JobSpec(
        "work-0", queue="items", tags=TAGS, expires_ms=DAY, deadline_ms=DAY, payload=b'{"a":1}' * 1000
    )
    id = new_id("fan", members=1_000_002)
    await namespace.fan_outs.create(
        id, FanOutSpec(template, full(0), max_concurrency=100_000, whole=False), 0, None
    )
    size = stage.size // 10
    large = [Item(size + index, b'{"text":"%s"}' % (b"x" * 65_000)) for index in range(ITEMS_PER_CALL)]
    await namespace.fan_outs.add_items(id, large)
    for start in range(0, size, ITEMS_PER_CALL):
        items = [
            Item(index, b'{"text":"%s"}' % (b"x" * 300), f"item-{index}", index % 1000)
            for index in range(start, start + ITEMS_PER_CALL)
        ]
        await namespace.fan_outs.add_items(id, items)
    await namespace.fan_outs.seal(id, size + len(large))
    leases = await claim_all(namespace, 500)
    await namespace.leases.finish(finishes(leases, FATAL))
    await stage.listen(namespace)
    await namespace.groups.list(type(group), 100, None) if (group := await namespace.groups.get(id)) else None
    await _end(namespace, id)


async def children(stage: Stage) -> None:
    """Jobs that add many children, are cancelled, and deleted together."""
    for name, chained in (("children", False), ("children-chained", True)):
        namespace = await stage.namespace(name, endpoints=1)
        parents = await submit(namespace, [full(number) for number in range(2)])
        for lease in await claim_all(namespace, len(parents)):
            for number in range(ROUNDS if lease.job.id == parents[0] else 1):
                graph = layered(CHILDREN) if chained else {f"job-{place}": () for place in range(CHILDREN)}
                nodes = {
                    f"{number}-{key}": Node(full(place), _renamed(number, edges))
                    for place, (key, edges) in enumerate(graph.items())
                }
                ids = {key: new_id() for key in nodes}
                # As if all earlier ones had finished: only the last call lets the job wait.
                await namespace.dependencies.wait_for_children(lease, nodes, ids)
        await stage.listen(namespace)
        for id in parents:
            await namespace.explanations.of(id)
            await namespace.jobs.cancel([id], 0)
            await namespace.group_tasks.work()
        await namespace.jobs.delete(parents)
        namespace.scripts.now = str(Clock().now_ms() + 20 * DAY)
        while (await namespace.leases.prune())[0]:
            pass


def _renamed(number: int, edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    return tuple(Edge(f"{number}-{edge.key}") for edge in edges)


SCENES = (layered_flow, star_flow, observed_flow, failed_flow, abandoned_flow, fan_outs, children)
