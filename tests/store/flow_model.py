"""A small model of a flow, in plain Python: which jobs run or are cancelled, and how the flow finishes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.flow import Edge, FlowSpec, Node, arrange
from service.domain.job_spec import JobSpec

END_OF = {
    "succeeded": {"succeeded"},
    "failed": {"dead"},
    "finished": {"succeeded", "dead", "cancelled"},
}
FINISHED = END_OF["finished"]


@dataclass
class ModelJob:
    edges: tuple[Edge, ...]
    state: str = "blocked"
    reason: str | None = None
    started: bool = False
    #: Keys of the children it added; once it has started, it depends on nothing else.
    children: tuple[str, ...] = ()


@dataclass
class ModelFlow:
    """The same operations as the store, decided one job at a time."""

    on_failure: str
    jobs: dict[str, ModelJob] = field(default_factory=dict[str, ModelJob])
    cancelled: bool = False
    #: Follow-up work in order: children that end with their parent, jobs that a failure cancels.
    tasks: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def begin(self) -> None:
        for key in self.jobs:
            self._consider(key)

    def end(self, key: str, state: str, reason: str | None = None) -> None:
        """A job has finished; update its dependents and children, and the jobs that its failure cancels."""
        self._end(key, state, reason)
        self._work()

    def _work(self) -> None:
        while self.tasks:
            what, key = self.tasks.pop(0)
            spared = self._descendants(key)
            for other, job in list(reversed(self.jobs.items())):
                if what == "children" and other in self.jobs[key].children:
                    self._cancel(other, "parent")
                elif what == "fail" and other not in spared and not job.started and job.state not in FINISHED:
                    self._end(other, "cancelled", "flow")

    def _cancel(self, key: str, reason: str) -> None:
        job = self.jobs[key]
        if job.state == "running":
            job.reason = job.reason or reason
        elif job.state not in FINISHED:
            self._end(key, "cancelled", reason)

    def add_children(self, key: str, children: Mapping[str, tuple[Edge, ...]]) -> None:
        """A running job adds children and waits for all that it has, unless it is being cancelled."""
        job = self.jobs[key]
        if job.reason is not None:
            self.end(key, "cancelled", "flow" if job.reason == "asked" else job.reason)
            return
        # Before their parent, which depends on them: the order is topological.
        before = list(self.jobs).index(key)
        jobs = list(self.jobs.items())
        added = [(child, ModelJob(edges)) for child, edges in children.items()]
        self.jobs = dict([*jobs[:before], *added, *jobs[before:]])
        job.edges += tuple(Edge(child, "finished") for child in children)
        job.children += tuple(children)
        job.state = "blocked"
        for child in children:
            self._consider(child)
        self._consider(key)

    def cancel(self) -> None:
        if self.state != "running":
            return
        self.cancelled = True
        for key, job in reversed(self.jobs.items()):
            self._cancel(key, "asked" if job.state == "running" else "flow")
        self._work()

    def retry(self) -> bool:
        if not any(job.state in ("dead", "cancelled") for job in self.jobs.values()):
            return False
        self.cancelled = False
        self._retry([key for key, job in self.jobs.items() if job.state in ("dead", "cancelled")])
        return True

    def redrive(self, key: str) -> None:
        job = self.jobs[key]
        job.state, job.reason, job.started = "queued", None, False
        affected = self._descendants(key)
        self._retry(
            [
                other
                for other, job in self.jobs.items()
                if other in affected and (job.state, job.reason) == ("cancelled", "dependency")
            ]
        )

    @property
    def state(self) -> str:
        states = [job.state for job in self.jobs.values()]
        if any(state not in FINISHED for state in states):
            return "running"
        if "dead" in states:
            return "failed"
        by_request = any((job.state, job.reason) == ("cancelled", "requested") for job in self.jobs.values())
        return "cancelled" if self.cancelled or by_request else "succeeded"

    def _end(self, key: str, state: str, reason: str | None) -> None:
        job = self.jobs[key]
        job.state, job.reason = state, reason
        if job.children and state != "succeeded":
            self.tasks.append(("children", key))
        if state == "dead" and self.on_failure == "fail":
            self.tasks.append(("fail", key))
        for other, waiting in self.jobs.items():
            if any(edge.key == key for edge in waiting.edges):
                self._consider(other)

    def _consider(self, key: str) -> None:
        job = self.jobs[key]
        if job.state != "blocked":
            return
        asked = [edge for edge in job.edges if not job.started or edge.key in job.children]
        ends = [(self.jobs[edge.key].state, edge.when) for edge in asked]
        if any(state in FINISHED and state not in END_OF[when] for state, when in ends):
            self._end(key, "cancelled", "dependency")
        elif all(state in FINISHED for state, _ in ends):
            job.state = "queued"

    def _retry(self, keys: Sequence[str]) -> None:
        for key in keys:
            job = self.jobs[key]
            ends = [(self.jobs[edge.key].state, edge.when) for edge in job.edges]
            if any(state in FINISHED and state not in END_OF[when] for state, when in ends):
                continue
            job.state, job.reason, job.started = "blocked", None, False
            self._consider(key)

    def _descendants(self, key: str) -> set[str]:
        found: set[str] = set()
        for other, job in self.jobs.items():
            if any(edge.key == key or edge.key in found for edge in job.edges):
                found.add(other)
        return found


def random_flow(chance: random.Random, size: int) -> FlowSpec:
    """A random acyclic graph with random conditions, in topological order."""
    graph: dict[str, tuple[Edge, ...]] = {}
    density = chance.choice([0.1, 0.3, 0.6])
    for number in range(size):
        before = [key for key in graph if chance.random() < density][: chance.randint(0, 6)]
        graph[f"j{number}"] = tuple(
            Edge(key, chance.choices(("succeeded", "failed", "finished"), (6, 1, 2))[0]) for key in before
        )
    nodes = {key: Node(JobSpec("work"), graph[key]) for key in arrange(graph)}
    return FlowSpec("random", nodes, chance.choice(("fail", "continue")))


def model_of(spec: FlowSpec) -> ModelFlow:
    model = ModelFlow(spec.on_failure, {key: ModelJob(node.edges) for key, node in spec.nodes.items()})
    model.begin()
    return model
