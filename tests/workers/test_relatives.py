"""Children that a handler asks for and cannot have."""

from typing import Any

import pytest

from service.clock import Clock
from service.domain.flow import Edge, FlowInvalid, FlowSpec, Node
from service.domain.job import JobSpec
from service.store.namespace import Namespace
from tests.support.factories import IDS, OK, claim, finish
from workers.arq.hooks import Hooks
from workers.handling.dependencies import MAX_CHILDREN, Relatives
from workers.handling.queue_defaults import QueueDefaults
from workers.handling.registry import Registry

pytestmark = pytest.mark.anyio
PART = {"job": {"name": "part"}}


async def relatives_of_a_job_that_waited(stores: Namespace) -> Relatives:
    """It waited for a job `fetch`."""
    spec = FlowSpec("flow", {"fetch": Node(JobSpec("work")), "sum": Node(JobSpec("work"), (Edge("fetch"),))})
    await stores.flows.create(IDS.new("flow", members=2), spec, None)
    await finish(stores, (await claim(stores)).leases[0], OK)
    lease = (await claim(stores)).leases[0]
    registry = Registry([], Hooks(), [], [])
    return Relatives(stores, QueueDefaults(stores.queues, Clock()), registry, IDS.new, lease)


@pytest.mark.parametrize(
    ("children", "message"),
    [
        # It would be taken for the one that is there, and never run.
        ({"fetch": PART}, "'fetch' is the key of a job that this one waited for"),
        ({"a b": PART}, "Invalid child key 'a b'"),
        ({"x/a": PART, "y/a": PART}, "Invalid child key 'x/a'"),
        ({"": PART}, "Invalid child key ''"),
        ({"a": {"jobs": {}}}, "a child must be"),
        ({"a": {**PART, "depends_on": ["fetch"]}}, "unknown job 'fetch'"),
        ({f"c{n}": PART for n in range(MAX_CHILDREN + 1)}, "500 children at a time"),
    ],
)
async def test_children_that_cannot_be_are_refused_and_none_is_added(
    stores: Namespace, children: dict[str, Any], message: str
) -> None:
    relatives = await relatives_of_a_job_that_waited(stores)
    with pytest.raises((ValueError, FlowInvalid), match=message):
        await relatives.add_children(children)
    assert (await claim(stores, types={"part": None})).leases == []
    assert set(await relatives.dependencies()) == {"fetch"}
