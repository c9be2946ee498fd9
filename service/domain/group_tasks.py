"""Decides which jobs a task of a flow or fan-out changes, which it spares, and in which order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter

from service.domain.flow import Flow, descendants
from service.domain.group import Group
from service.domain.job import Job
from service.domain.states import LIVE, State

#: The ids of each job's dependencies.
Waits = Mapping[str, Sequence[str]]

#: Jobs per step of a retry: each takes Redis some 50 us.
RETRIED = 50
#: Edges per step of a retry.
EDGES = 1_000
#: Milliseconds that running children get to stop, unless their parent was cancelled with a grace.
CHILDREN_GRACE_MS = 5_000
#: Milliseconds by which a fan-out's retention is extended while its follow-up is unfinished.
AWAITED_MS = 60_000
#: Milliseconds after which a staged flow that was never committed is deleted.
STAGED_MS = 600_000


def lost_with(job_ids: Sequence[str], waits: Waits, dead: str) -> list[str]:
    """The jobs to cancel in a flow that fails as a whole with the dead one.

    Spares dependents of the dead job, because their edges decide whether they run.
    """
    spared = descendants(waits, dead)
    return [id for id in job_ids if id not in spared]


def cancel_order(waits: Waits) -> list[str]:
    """Dependents first, so that cancelling their dependencies does not release them."""
    return [id for id in TopologicalSorter(waits).static_order() if id in waits][::-1]


def retry_order(job_ids: Sequence[str], waits: Waits, first: str = "") -> list[str]:
    """Each after its dependencies; with `first`, only that job and its dependents."""
    known = set(job_ids)
    # Ids of jobs in a flow are in this order, but ids of added children need not be.
    order = TopologicalSorter({id: [other for other in waits[id] if other in known] for id in job_ids})
    affected = {first, *descendants(waits, first)} if first else known
    return [id for id in order.static_order() if id in affected]


def retry_batches(job_ids: Sequence[str], waits: Waits) -> Iterator[list[str]]:
    """The jobs in order, each list with few enough jobs and edges for one step."""
    batch: list[str] = []
    weight = 0
    dependents = Counter(id for found in waits.values() for id in found)
    for id in job_ids:
        cost = len(waits.get(id, ())) + dependents[id]
        if batch and (len(batch) >= RETRIED or weight + cost > EDGES):
            yield batch
            batch, weight = [], 0
        batch.append(id)
        weight += cost
    yield batch


def fails_whole(group: Group) -> bool:
    """Whether a dead job cancels the rest of its group."""
    return isinstance(group, Flow) and group.on_failure == "fail"


def died_in(group: Group, state: str | None, generation: int | None) -> bool:
    """Whether a job with this state died after the group's last retry.

    A job that died before must not cancel jobs that were retried.
    """
    return state == State.DEAD and generation == group.generation


def ends_children(parent: Job | None) -> bool:
    """Whether to cancel the children of a job: not if it is running again."""
    return parent is None or parent.state in (State.CANCELLED, State.DEAD)


def is_awaited(follow_up: Job | None) -> bool:
    """Whether the follow-up of a fan-out has yet to read its results."""
    return follow_up is not None and follow_up.state in LIVE
