"""Creates the resource that an operation acts on, for every operation that names one."""

import os
import secrets
from collections.abc import Awaitable, Callable

from service.clock import Clock
from service.domain.access_key import AccessKey
from service.domain.bulk_action import BulkSpec
from service.domain.catalogue import JobType
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import FlowSpec, Node
from service.domain.ids import IdFactory
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.domain.tenant import Policy
from service.domain.webhook import Secret, new_secret
from service.domain.worker import WorkerRecord
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from service.store.tenants.tenants import Tenants
from tests.api.document import Operation
from tests.support.factories import HOPELESS, claim, finish, job_in, submit

WORKER = "wk_01M85QCM3VN2A0H686WCBXCF8E"
#: An unknown id of each kind; for a queue, an unknown name.
UNKNOWN = {
    "job_id": "job_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "flow_id": "flow_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "fan_out_id": "fan_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "action_id": "act_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "key_id": "key_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "worker_id": "wk_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "webhook_id": "wh_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "delivery_id": "del_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
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


async def _job(store: Namespace, operation: Operation) -> str:
    dead = operation.path.startswith("/v1/dlq")
    return (await job_in(store, State.DEAD if dead else _STATES.get(operation.id, State.QUEUED)))[0]


async def _flow(store: Namespace, operation: Operation) -> str:
    id = IdFactory(Clock().now_ms, os.urandom).new("flow", members=1)
    spec = FlowSpec("flow", {"a": Node(JobSpec("work"), ())}, "fail")
    await store.flows.create(id, spec, None)
    if operation.id in ("delete_flow", "retry_flow", "stream_flow_events"):
        await finish(store, (await claim(store)).leases[0], HOPELESS)
        await store.group_tasks.work()
    return id


async def _fan_out(store: Namespace, operation: Operation) -> str:
    """Open and without the items that the document's examples add; finished if the operation needs that."""
    id = IdFactory(Clock().now_ms, os.urandom).new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), whole=False), 0, None)
    ended = operation.id in ("delete_fan_out", "retry_fan_out", "stream_fan_out_events")
    count = 1 if ended else 4 if operation.id == "seal_fan_out" else 2
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(count)])
    if ended:
        await store.fan_outs.seal(id, count)
        await finish(store, (await claim(store)).leases[0], HOPELESS)
    return id


async def _worker(store: Namespace, operation: Operation) -> str:
    record = WorkerRecord(WORKER, "host", 7, "0.1.0", {"default": 3}, ("work",), "running", 1, 20, 0, 0)
    await store.workers.register(record, [JobType("work")])
    return WORKER


async def _queue(store: Namespace, operation: Operation) -> str:
    if operation.id == "delete_queue":
        await store.queues.configure("default", {"max_concurrency": 1})
    else:
        await submit(store, queue="default")
    return "default"


async def _schedule(store: Namespace, operation: Operation) -> str:
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
    before, now = await store.schedules.read("default")
    await store.schedules.put("default", definition, False, before, now)
    return "default"


async def _webhook(store: Namespace, operation: Operation) -> str:
    id = IdFactory(Clock().now_ms, os.urandom).new("wh")
    secret = Secret(new_secret(os.urandom))
    return (await store.webhooks.create(id, "https://example.com", ["*"], "", secret)).id


async def _bulk_action(store: Namespace, operation: Operation) -> str:
    id = IdFactory(Clock().now_ms, os.urandom).new("act")
    await store.bulk_actions.create(id, BulkSpec("cancel", JobFilter(queue="bulk")), None)
    return id


async def _api_key(store: Namespace, operation: Operation) -> str:
    """Permits only what the examples' callers may grant."""
    id, namespace = IdFactory(Clock().now_ms, os.urandom).new("key"), store.scripts.namespace
    key = AccessKey(id, "made", namespace, frozenset({"keys:admin"}), Clock().now_ms())
    await AccessKeys(store.scripts.redis).create(key, secrets.token_hex(32))
    return id


async def _namespace(store: Namespace, operation: Operation) -> str:
    """Only operators see namespaces, so it need not be the caller's."""
    name = f"{store.scripts.namespace}-tenant"
    await Tenants(store.scripts.redis).create(name, Policy({"jobs": 5}), "")
    return name


#: By path parameter, or by the first path segment where the parameter is just a name.
_MAKERS: dict[str, Callable[[Namespace, Operation], Awaitable[str]]] = {
    "job_id": _job,
    "flow_id": _flow,
    "fan_out_id": _fan_out,
    "action_id": _bulk_action,
    "key_id": _api_key,
    "worker_id": _worker,
    "webhook_id": _webhook,
    "queues name": _queue,
    "schedules name": _schedule,
    "namespaces name": _namespace,
}


async def make(store: Namespace, operation: Operation) -> dict[str, str]:
    """The path parameters of a new resource; a new kind of resource needs a row above."""
    parameter, *inner = [row["name"] for row in operation.parameters("path")]
    maker = _MAKERS.get(f"{operation.path.split('/')[2]} {parameter}") or _MAKERS[parameter]
    made = {parameter: await maker(store, operation)}
    if inner == ["delivery_id"]:
        webhook = await store.webhooks.get(made[parameter])
        assert webhook is not None
        made["delivery_id"] = store.outbox.id_of(await store.outbox.send_test(webhook, "test_1"))
    return made


def unknown(operation: Operation) -> dict[str, str]:
    return {row["name"]: UNKNOWN[row["name"]] for row in operation.parameters("path")}
