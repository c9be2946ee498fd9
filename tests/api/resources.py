"""For every operation that names a resource: one that it can act upon."""

import os
from collections.abc import Awaitable, Callable

from service.clock import Clock
from service.domain.bulk_action import BulkSpec
from service.domain.catalogue import JobType
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import FlowSpec, Node
from service.domain.ids import IdFactory
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.namespace import Namespace
from tests.api.document import Operation
from tests.support.factories import HOPELESS, claim, finish, job_in, submit

WORKER = "wk_01M85QCM3VN2A0H686WCBXCF8E"
#: An id of each kind that nobody has; of a queue, a name.
UNKNOWN = {
    "job_id": "job_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "flow_id": "flow_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "fan_out_id": "fan_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "action_id": "act_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "worker_id": "wk_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "name": "never-seen",
}
#: What a job must be for these; any other operation takes a queued one.
_STATES = {
    "delete_job": State.SUCCEEDED,
    "retry_job": State.DEAD,
    "run_job_now": State.SCHEDULED,
    # These clients read an answer to its end.
    "stream_job_events": State.SUCCEEDED,
}


async def _job(stores: Namespace, operation: Operation) -> str:
    dead = operation.path.startswith("/v1/dlq")
    return (await job_in(stores, State.DEAD if dead else _STATES.get(operation.id, State.QUEUED)))[0]


async def _flow(stores: Namespace, operation: Operation) -> str:
    id = IdFactory(Clock().now_ms, os.urandom).new("flow", members=1)
    spec = FlowSpec("flow", {"a": Node(JobSpec("work"), ())}, "fail")
    await stores.flows.create(id, spec, None)
    if operation.id in ("delete_flow", "retry_flow", "stream_flow_events"):
        await finish(stores, (await claim(stores)).leases[0], HOPELESS)
        await stores.group_tasks.work()
    return id


async def _fan_out(stores: Namespace, operation: Operation) -> str:
    """Open, with the items that the examples of the document leave out; ended for what needs an end."""
    id = IdFactory(Clock().now_ms, os.urandom).new("fan", members=MEMBERS)
    await stores.fan_outs.create(id, FanOutSpec(JobSpec("work"), whole=False), 0, None)
    ended = operation.id in ("delete_fan_out", "retry_fan_out", "stream_fan_out_events")
    count = 1 if ended else 4 if operation.id == "seal_fan_out" else 2
    await stores.fan_outs.add_items(id, [Item(index, b"{}") for index in range(count)])
    if ended:
        await stores.fan_outs.seal(id, count)
        await finish(stores, (await claim(stores)).leases[0], HOPELESS)
    return id


async def _worker(stores: Namespace, operation: Operation) -> str:
    record = WorkerRecord(WORKER, "host", 7, "0.1.0", {"default": 3}, ("work",), "running", 1, 20, 0, 0)
    await stores.workers.register(record, [JobType("work")])
    return WORKER


async def _queue(stores: Namespace, operation: Operation) -> str:
    if operation.id == "delete_queue":
        await stores.queues.configure("default", {"max_concurrency": 1})
    else:
        await submit(stores, queue="default")
    return "default"


async def _schedule(stores: Namespace, operation: Operation) -> str:
    definition = {
        "cron": None,
        "every_ms": 3_600_000,
        "timezone": "UTC",
        "start_ms": None,
        "end_ms": None,
        "catch_up": "none",
        "overlap": "allow",
        "job": {"name": "work"},
    }
    before, now = await stores.schedules.read("default")
    await stores.schedules.put("default", definition, False, before, now)
    return "default"


async def _bulk_action(stores: Namespace, operation: Operation) -> str:
    id = IdFactory(Clock().now_ms, os.urandom).new("act")
    await stores.bulk_actions.create(id, BulkSpec("cancel", JobFilter(queue="bulk")), None)
    return id


#: By path parameter, and by the first part of the path where a name alone does not say what it names.
_MAKERS: dict[str, Callable[[Namespace, Operation], Awaitable[str]]] = {
    "job_id": _job,
    "flow_id": _flow,
    "fan_out_id": _fan_out,
    "action_id": _bulk_action,
    "worker_id": _worker,
    "queues name": _queue,
    "schedules name": _schedule,
}


async def make(stores: Namespace, operation: Operation) -> dict[str, str]:
    """The path parameters of a new resource; an operation on a new kind of resource needs a row above."""
    (parameter,) = [row["name"] for row in operation.parameters("path")]
    maker = _MAKERS.get(f"{operation.path.split('/')[2]} {parameter}") or _MAKERS[parameter]
    return {parameter: await maker(stores, operation)}


def unknown(operation: Operation) -> dict[str, str]:
    return {row["name"]: UNKNOWN[row["name"]] for row in operation.parameters("path")}
