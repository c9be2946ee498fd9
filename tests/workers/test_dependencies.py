"""Children and fan-outs that a handler may not add."""

from typing import Any

import orjson
import pytest

from service.clock import Clock
from service.domain.flow import Edge, FlowInvalid, FlowSpec, Node
from service.domain.job_spec import JobSpec
from service.store.namespace import Namespace
from tests.support.factories import IDS, OK, claim, finish
from workers.arq.hooks import Hooks
from workers.handling.dependencies import MAX_CHILDREN, RelatedJobs
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry

pytestmark = pytest.mark.anyio
PART = {"job": {"name": "part"}}
#: The API refuses these as well.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"queue": None}, "/queue: must be a string"),
    ({"priority": None}, "/priority: must be a whole number"),
    ({"run_at": 1_800_000_000}, "/run_at: must be a time like"),
    ({"run_at": "2026-11-27 09:30"}, "/run_at: must be a time like"),
    ({"unique": {"key": "k"}}, "/unique: not inside a"),
    ({"limit_key": "\ud800"}, "/limit_key: must have"),
    ({"payload": [1]}, "/payload: must be an object"),
    ({"payload": {"text": "x" * 65_536}}, "Payload is 65,547 bytes; the limit is 65,536"),
]


async def related_jobs_of_a_job_that_waited(store: Namespace) -> RelatedJobs:
    """The job depended on a job `fetch`."""
    spec = FlowSpec("flow", {"fetch": Node(JobSpec("work")), "sum": Node(JobSpec("work"), (Edge("fetch"),))})
    await store.flows.create(IDS.new("flow", members=2), spec, None)
    await finish(store, (await claim(store)).leases[0], OK)
    lease = (await claim(store)).leases[0]
    registry = Registry([], Hooks(), [], [])
    return RelatedJobs(store, JobSpecs(registry, store, Clock()), IDS.new, lease)


@pytest.mark.parametrize(
    ("children", "message"),
    [
        # The key `fetch` is taken by a dependency, so the child would never run.
        ({"fetch": PART}, "'fetch' is the key of a job that this one waited for"),
        ({"a b": PART}, "^/children/a b: must have 1 to 128 letters"),
        ({"x/a": PART, "y/a": PART}, "^/children/x~1a: must have"),
        ({"": PART}, "^/children/: must have"),
        ({"a": {"jobs": {}}}, "^/children/a/jobs: there is no such field"),
        ({"a": {}}, "^/children/a/job: is missing"),
        ({"a": "part"}, "^/children/a: must be an object"),
        ({"a": {**PART, "depends_on": "bc"}, "b": PART}, "^/children/a/depends_on: must be a list"),
        (
            {"a": {**PART, "depends_on": [{"key": "b", "when": "done"}]}, "b": PART},
            "/when: must be",
        ),
        ({"a": {**PART, "depends_on": [{"when": "failed"}]}}, "/depends_on/0/key: is missing"),
        ({"a": {**PART, "depends_on": [{"key": "b", "if": 1}]}, "b": PART}, "/if: there is no such field"),
        *(({"a": {"job": {"name": "part", **job}}}, message) for job, message in REFUSED),
        ({"a": {**PART, "depends_on": ["fetch"]}}, "unknown job 'fetch'"),
        ({f"c{n}": PART for n in range(MAX_CHILDREN + 1)}, "500 children at a time"),
    ],
)
async def test_invalid_children_are_refused_and_none_is_added(
    store: Namespace, children: dict[str, Any], message: str
) -> None:
    related_jobs = await related_jobs_of_a_job_that_waited(store)
    with pytest.raises((ValueError, FlowInvalid), match=message):
        await related_jobs.add_children(children)
    assert (await claim(store, types={"part": None})).leases == []
    assert set(await related_jobs.dependencies()) == {"fetch"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *((options, message) for options, message in REFUSED if "payload" not in options),
        ({"max_concurrency": 0}, "^/max_concurrency: must be from 1 to 1000000, not 0"),
        ({"max_concurrency": 2.5}, "^/max_concurrency: must be a whole number"),
        ({"failure_tolerance": {"count": -1}}, "^/failure_tolerance/count: must be at least 0"),
        ({"failure_tolerance": {"percent": 101}}, "^/failure_tolerance/percent: must be from 0 to 100"),
        ({"failure_tolerance": {"share": 1}}, "^/failure_tolerance/share: there is no such field"),
        ({"failure_tolerance": 3}, "^/failure_tolerance: must be an object"),
        ({"then": {"name": "a b"}}, "^/then/name: must have"),
        ({"then": {"name": "a", "unique": {"key": "k"}}}, "^/then/unique: not inside a fan-out"),
        ({"payloads": [{}, []]}, "^/items/1: must be an object"),
        ({"payload": {"a": "x" * 40_000}, "payloads": [{"b": "x" * 40_000}]}, "Payload is 80,0"),
    ],
)
async def test_an_invalid_fan_out_is_refused(store: Namespace, options: dict[str, Any], message: str) -> None:
    related_jobs = await related_jobs_of_a_job_that_waited(store)
    given = dict(options)
    payloads, then = given.pop("payloads", [{}]), given.pop("then", None)
    with pytest.raises(ValueError, match=message):
        await related_jobs.fan_out(1, "part", payloads, then, given)
    assert (await claim(store, types={"part": None})).leases == []


async def test_items_override_the_payload_that_they_share(store: Namespace) -> None:
    related_jobs = await related_jobs_of_a_job_that_waited(store)
    await related_jobs.fan_out(1, "part", [{"b": 3}], None, {"payload": {"a": 1, "b": 2}})
    (lease,) = (await claim(store, types={"part": None})).leases
    assert orjson.loads(lease.job.payload) == {"a": 1, "b": 3}
