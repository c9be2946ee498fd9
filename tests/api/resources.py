"""Creates the resource that an operation acts on, for every operation that names one."""

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
#: An unknown id of each kind; for a queue, an unknown name.
UNKNOWN = {
    "job_id": "job_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "flow_id": "flow_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "fan_out_id": "fan_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "action_id": "act_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "worker_id": "wk_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "name": "never-seen",
}
#: The state that a job needs for these operations; all others work with a queued job.
_STATES = {
    "delete_job": State.SUCCEEDED,
    "retry_job": State.DEAD,
    "run_job_now": State.SCHEDULED,
    # Tests read these streams to the end, so the job must finish.
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
    """Open and without the items that the document's examples add; finished if the operation needs that."""
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


#: By path parameter, or by the first path segment where the parameter is just a name.
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
    """The path parameters of a new resource; a new kind of resource needs a row above."""
    (parameter,) = [row["name"] for row in operation.parameters("path")]
    maker = _MAKERS.get(f"{operation.path.split('/')[2]} {parameter}") or _MAKERS[parameter]
    return {parameter: await maker(stores, operation)}


def unknown(operation: Operation) -> dict[str, str]:
    return {row["name"]: UNKNOWN[row["name"]] for row in operation.parameters("path")}
