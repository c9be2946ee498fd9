"""Lists, searches and counts a large backlog in many queues."""

from benchmarks.hostile.stage import DAY, TAGS, Stage, chunks, full, submit
from service.clock import Clock
from service.domain.bulk_action import BulkSpec
from service.domain.job_cost import BATCH
from service.domain.job_filter import JobFilter, TextSearch
from service.domain.job_spec import JobSpec
from service.domain.states import State

QUEUES = 10_000
PAGE = 200


async def reading(stage: Stage) -> None:
    namespace = await stage.namespace("read", plain=True)
    for numbers in chunks(range(stage.size), BATCH):
        await submit(
            namespace,
            [
                JobSpec("work-0", queue=f"queue-{number % QUEUES}", delay_ms=DAY if number % 3 else 0)
                for number in numbers
            ],
        )
    await submit(
        namespace, [full(number, payload=b'{"text":"%s"}' % (b"x" * 16_000)) for number in range(PAGE)]
    )
    none = "no-such-name"
    fingerprints = frozenset(f"{number:016x}" for number in range(501))
    now = Clock().now_ms()
    for filter in (
        JobFilter(),
        JobFilter(name=none),
        JobFilter(state=State.QUEUED, created_before=now - DAY),
        JobFilter(created_before=now - DAY),
        JobFilter(search=TextSearch(none, fingerprints)),
        JobFilter(name=none, tags=dict(list(TAGS.items())[1:])),
        JobFilter(reason=none, queue="queue-0"),
    ):
        page = await namespace.queries.list_jobs(filter, PAGE, None)
        if page.next_cursor is not None:
            await namespace.queries.list_jobs(filter, PAGE, page.next_cursor)
        await namespace.bulk_actions.count(BulkSpec("cancel", filter))
    await namespace.queues.by_attention(100)
    await namespace.queues.list(200, None)
    await namespace.queue_metrics.load("queue-0", DAY)
    namespace.scripts.now = str(now)
    await namespace.stats_recorder.work()
    namespace.scripts.now = str(now + 120_000)
    await namespace.stats_recorder.work()
    await namespace.stats_recorder.add("wk_0", 1, {f"t|type-{n}|succeeded": 1 for n in range(1_000)})
    namespace.scripts.now = ""
    await namespace.api_heartbeat(60_000)


SCENES = (reading,)
