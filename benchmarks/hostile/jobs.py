"""Submits, changes, runs and ends jobs, each with everything that a job may have."""

from typing import Any

from benchmarks.hostile.stage import (
    DAY,
    FATAL,
    OK,
    Stage,
    chunks,
    claim,
    claim_all,
    finishes,
    full,
    new_id,
    submissions,
    submit,
    unique,
    worker_record,
)
from service.clock import Clock
from service.domain.bulk_action import BulkSpec, Verb
from service.domain.job_cost import BATCH
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec, Unique
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.store.leases import heartbeat_arguments
from service.store.namespace import Namespace

#: Jobs of most scenes; of every portion, several are measured.
SOME = 4 * BATCH
LEASE_MS = 60_000


async def submitting(stage: Stage) -> None:
    plain = await stage.namespace("submit-plain", plain=True)
    await submit(plain, [JobSpec("work-0")] * SOME)
    loaded = await stage.namespace("submit-full")
    numbers = range(BATCH)
    await submit(loaded, [full(number) for number in range(SOME)])
    for _ in range(3):
        await loaded.jobs.submit(
            [
                Submission(new_id(), full(number), Idempotency("bulk", new_id(), "r" * 64, keeps=True))
                for number in numbers
            ]
        )
    same = submissions([full(number) for number in numbers])
    await loaded.jobs.submit(same)
    await loaded.jobs.submit(same)


async def replacing(stage: Stage) -> None:
    """Unique jobs that replace waiting, retrying and running ones."""
    namespace = await stage.namespace("replace")
    numbers = range(BATCH)
    await submit(namespace, [unique(number, delay_ms=DAY) for number in numbers])
    await submit(namespace, [unique(number, delay_ms=DAY) for number in numbers])
    await submit(namespace, [unique(number) for number in numbers])
    leases = await claim_all(namespace, BATCH)
    await submit(namespace, [unique(number) for number in numbers])
    await submit(namespace, [unique(number) for number in numbers])
    await namespace.leases.finish(finishes(leases, OK))


async def changing(stage: Stage) -> None:
    namespace = await stage.namespace("change")
    ids = await submit(namespace, [full(number, delay_ms=DAY) for number in range(SOME)])
    for id in ids[:20]:
        await namespace.jobs.update(id, priority=3, run_at_ms=Clock().now_ms() + DAY, tags={"a": "b"})
        await namespace.jobs.run_now(id)
        await namespace.explanations.of(id)
    queue = await submit(namespace, [full(number, queue="purged") for number in range(SOME)])
    await namespace.queues.purge("purged")
    await stage.listen(namespace)
    verbs: list[tuple[Verb, list[str]]] = [("retry", queue), ("cancel", queue), ("delete", queue)]
    for verb, _ in verbs:
        action = await namespace.bulk_actions.create(
            new_id("act"), BulkSpec(verb, JobFilter(queue="purged")), None
        )
        while (waits := await namespace.bulk_batches.work()) is not None:
            _advance(namespace, waits)
        assert action
    paused = await namespace.bulk_actions.create(new_id("act"), BulkSpec("cancel", JobFilter()), None)
    await namespace.bulk_actions.set_state(paused.action.id, "paused")
    await namespace.bulk_actions.list(100, None)


async def claiming(stage: Stage) -> None:
    """Claims that meet limits, expired jobs, and lanes that open at once."""
    plain = await stage.namespace("claim-plain", plain=True)
    await submit(plain, [JobSpec("work-0")] * SOME)
    await claim_all(plain, SOME)
    namespace = await stage.namespace("claim-full")
    await submit(namespace, [full(number) for number in range(SOME)])
    await _run_all(namespace, SOME)
    await _expired(stage)
    await _due(stage)
    await _reopened(stage)
    await _closed(stage)
    await _paused(stage)


async def _expired(stage: Stage) -> None:
    namespace = await stage.namespace("claim-expired")
    for numbers in chunks(range(3_000), BATCH):
        await submit(namespace, [full(number, queue="late", expires_ms=1000) for number in numbers])
    _advance(namespace, 5000)
    await stage.listen(namespace)
    for _ in range(5):
        await claim(namespace)


async def _due(stage: Stage) -> None:
    namespace = await stage.namespace("claim-due")
    await submit(namespace, [full(number, delay_ms=1000) for number in range(SOME)])
    _advance(namespace, 5000)
    await stage.listen(namespace)
    await namespace.api_heartbeat(LEASE_MS)
    for _ in range(10):
        await claim(namespace)


async def _reopened(stage: Stage) -> None:
    """Limit keys whose lanes, one per job type, all open at the same time."""
    namespace = await stage.namespace("claim-reopened")
    keys, types = 100, 300
    await namespace.queues.configure("default", {"per_key": KeyLimits(rate_limit=RateLimit(1, 60_000))})
    specs = [JobSpec("work-0", limit_key=f"key-{key}") for key in range(keys)]
    await submit(namespace, specs)
    leases = await claim_all(namespace, keys)
    await namespace.leases.finish(finishes(leases, OK))
    for key in range(keys):
        await submit(namespace, [JobSpec(f"kind-{kind}", limit_key=f"key-{key}") for kind in range(types)])
    await namespace.queue_metrics.load("default", 3_600_000)
    _advance(namespace, 70_000)
    await stage.listen(namespace)
    await namespace.queue_metrics.load("default", 3_600_000)
    await namespace.queue_metrics.load("other", 3_600_000)
    for _ in range(10):
        await claim(namespace)


async def _closed(stage: Stage) -> None:
    """Limit keys that a claim finds exhausted one after another, and settings that reopen all of them."""
    namespace = await stage.namespace("claim-closed")
    keys = 10_000
    for numbers in chunks(range(keys), BATCH):
        await submit(namespace, [JobSpec("work-0", limit_key=f"key-{key}") for key in numbers] * 2)
    await namespace.queues.configure("default", {"per_key": KeyLimits(max_concurrency=1)})
    leases = await claim_all(namespace, 400)
    for _ in range(20):
        await claim(namespace)
    await namespace.leases.finish(finishes(leases[:100], Throttled(60_000)))
    overrides = {f"key-{key}": KeyOverride(max_concurrency=2) for key in range(5_000)}
    await namespace.queues.configure("default", {"keys": overrides})
    await namespace.queues.configure("default", {"paused": True})
    await namespace.queues.resume("default")
    for _ in range(20):
        await claim(namespace)
    await namespace.queues.configure("default", {"keys": dict.fromkeys(overrides)})


async def _paused(stage: Stage) -> None:
    """Many queues in line that may start nothing, and job types that no worker knows."""
    namespace = await stage.namespace("claim-paused")
    for numbers in chunks(range(1_000), BATCH):
        await submit(namespace, [JobSpec("work-0", queue=f"queue-{queue}") for queue in numbers])
    for queue in range(1_000):
        await namespace.queues.configure(f"queue-{queue}", {"paused": True})
    for _ in range(5):
        await claim(namespace)
    unknown = await stage.namespace("unroutable")
    for queue in range(20):
        await submit(
            unknown,
            [JobSpec(f"kind-{kind}", queue=f"queue-{queue}", limit_key=f"key-{key}")
             for kind in range(50) for key in range(20)],
        )  # fmt: skip
    for _ in range(10):
        _advance(unknown, 1_000)
        await unknown.leases.bury_unroutable(2_500, 60_000)


async def _run_all(namespace: Namespace, most: int) -> None:
    leases = await claim_all(namespace, most)
    for lease in leases[:10]:
        await namespace.leases.report_progress(lease, b'{"done":%s}' % (b"1" * 8_000))
        await namespace.leases.append_log(lease, b"x" * 8_000)
        await namespace.jobs.cancel_one(lease.job.id, 1_000, "message")
    arguments = heartbeat_arguments(
        worker_record(0), LEASE_MS, len(leases), "running", [(lease.job.id, lease.token) for lease in leases]
    )
    await namespace.scripts.run("heartbeat", arguments)


async def finishing(stage: Stage) -> None:
    plain = await stage.namespace("finish-plain", plain=True)
    await submit(plain, [JobSpec("work-0")] * SOME)
    await _finish(plain, SOME, OK)
    for name, outcome in (("succeed", OK), ("die", FATAL), ("throttle", Throttled(60_000))):
        namespace = await stage.namespace(f"finish-{name}")
        await submit(namespace, [full(number, unique=Unique(str(number))) for number in range(SOME)])
        await _finish(namespace, SOME, outcome)
        await namespace.dead_letter_groups.all()


async def _finish(namespace: Namespace, most: int, outcome: Any) -> None:
    leases = await claim_all(namespace, most)
    for start in range(0, len(leases), BATCH):
        await namespace.leases.finish(finishes(leases[start : start + BATCH], outcome))


async def ending(stage: Stage) -> None:
    """Jobs that expire, are lost, forced to end, or deleted, all at the same moment."""
    namespace = await stage.namespace("end")
    await submit(namespace, [full(number, unique=Unique(str(number))) for number in range(SOME)])
    await claim_all(namespace, SOME, 60_000)
    _advance(namespace, 70_000)
    await stage.listen(namespace)
    for losses in range(4):
        while (await namespace.leases.rescue(LEASE_MS)).rescued:
            pass
        if losses == 0:
            await claim_all(namespace, SOME, 1000)
            _advance(namespace, 130_000)
    leases = await claim_all(namespace, SOME)
    for lease in leases:
        await namespace.jobs.cancel([lease.job.id], 1_000)
    await submit(namespace, [full(number, expires_ms=1_000, delay_ms=DAY) for number in range(SOME)])
    _advance(namespace, 10_000)
    await stage.listen(namespace)
    while (await namespace.leases.expire_jobs())[0]:
        pass
    _advance(namespace, 20 * DAY)
    await stage.listen(namespace)
    while (await namespace.leases.prune())[0]:
        pass
    await namespace.queues.delete("queue-0")
    await namespace.queries.list_jobs(JobFilter(state=State.DEAD), 100, None)


def _advance(namespace: Namespace, ms: int) -> None:
    namespace.scripts.now = str(int(namespace.scripts.now or Clock().now_ms()) + ms)


SCENES = (submitting, replacing, changing, claiming, finishing, ending)
