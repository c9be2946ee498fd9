"""What the tasks of flows and fan-outs decide: whom they act upon, whom they spare, in which order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter

from service.domain.flow import Flow, descendants
from service.domain.group import Group
from service.domain.job import Job
from service.domain.states import LIVE, State

#: Job ids by the id of the job that waits for them.
Waits = Mapping[str, Sequence[str]]

#: Jobs that one step runs again: each takes Redis some 50 us.
RETRIED = 50
#: Edges that one step looks at.
EDGES = 2_000
#: Milliseconds that running children get, unless their parent was cancelled with a grace.
CHILDREN_GRACE_MS = 5_000
#: Milliseconds by which the end of a fan-out's retention is put off while its follow-up goes on.
AWAITED_MS = 60_000
#: Milliseconds after which a flow that is staged and was never admitted is dropped.
STAGED_MS = 600_000


def lost_with(job_ids: Sequence[str], waits: Waits, dead: str) -> list[str]:
    """The jobs of a flow that fails as a whole with a dead one.

    Spared is what waits for the dead job: it ends, or runs, by its own edges.
    """
    spared = descendants(waits, dead)
    return [id for id in job_ids if id not in spared]


def cancel_order(waits: Waits) -> list[str]:
    """Those first that wait for others, so that none is released on the way."""
    return [id for id in TopologicalSorter(waits).static_order() if id in waits][::-1]


def retry_order(job_ids: Sequence[str], waits: Waits, first: str = "") -> list[str]:
    """Each after what it waits for; with `first`, that job and what waits for it alone."""
    known = set(job_ids)
    # Lexical order would do for jobs that were there from the start, not for added children.
    order = TopologicalSorter({id: [other for other in waits[id] if other in known] for id in job_ids})
    affected = {first, *descendants(waits, first)} if first else known
    return [id for id in order.static_order() if id in affected]


def retry_batches(job_ids: Sequence[str], waits: Waits) -> Iterator[list[str]]:
    """In order, few enough jobs and edges for one step each."""
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
    """Whether a dead job ends the rest of its group."""
    return isinstance(group, Flow) and group.on_failure == "fail"


def died_in(group: Group, state: str | None, generation: int | None) -> bool:
    """Whether a job with this state has died since the group was last run again.

    One that had died before did not cancel what runs again after it.
    """
    return state == State.DEAD and generation == group.generation


def ends_children(parent: Job | None) -> bool:
    """What a job added ends with it, unless the job runs again by now."""
    return parent is None or parent.state in (State.CANCELLED, State.DEAD)


def is_awaited(follow_up: Job | None) -> bool:
    """Whether the follow-up of a fan-out has yet to read how it ended."""
    return follow_up is not None and follow_up.state in LIVE
