"""cron_jobs: when they fire, and that each firing is one job over all workers."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from arq.cron import cron
from arq.worker import Retry

from service.clock import Clock
from service.domain.errors import ConfigurationInvalid
from service.domain.job_filter import JobFilter
from service.domain.states import State
from tests.support.eventually import eventually
from tests.support.factories import IDS
from tests.support.manual_clock import ManualClock
from workers.arq.cron_times import next_firing
from workers.handling.cron import Cron
from workers.handling.registry import Registry

pytestmark = pytest.mark.anyio


async def tick(ctx):
    return 42


async def tock(ctx):
    return 24


async def ended(pool):
    return [(result.function, result.result) for result in await pool.all_job_results()]


def at(*parts: int, zone: tzinfo = UTC) -> int:
    return round(datetime(*parts, tzinfo=zone).timestamp() * 1000)


async def cron_of(store, clock, *jobs, served=("*",), **options):
    registry = Registry.load([], [], {"cron_jobs": jobs, **options})
    return Cron(registry, served, store, clock, IDS.new)


@pytest.fixture
def clock():
    return ManualClock()


async def test_a_module_with_cron_jobs_alone_runs(make_worker, pool):
    await make_worker(cron_jobs=[cron(tick, hour=1, run_at_startup=True)]).main()
    assert await ended(pool) == [("cron:tick", 42)]


async def test_a_cron_job_does_not_run_at_startup_by_default(make_worker, pool):
    await make_worker(cron_jobs=[cron(tick, hour=1)]).main()
    assert await ended(pool) == []


async def test_no_key_is_written_where_stock_arq_looks(make_worker, pool):
    await make_worker(cron_jobs=[cron(tick, hour=1, run_at_startup=True)]).main()
    assert await pool.exists("arq:queue") == 0


async def test_a_cron_job_runs_in_the_queue_of_its_worker(make_worker, pool):
    await make_worker(queue_name="crons", cron_jobs=[cron(tick, hour=1, run_at_startup=True)]).main()
    assert [result.queue_name for result in await pool.all_job_results()] == ["crons"]


async def test_a_worker_of_one_queue_runs_its_cron_jobs_there(make_worker, pool, worker_settings):
    settings = worker_settings.model_copy(update={"queues": "bulk"})
    await make_worker(settings=settings, cron_jobs=[cron(tick, hour=1, run_at_startup=True)]).main()
    assert [result.queue_name for result in await pool.all_job_results()] == ["bulk"]


async def test_a_cron_job_may_have_a_name(make_worker, pool):
    await make_worker(cron_jobs=[cron(tick, name="nightly", hour=1, run_at_startup=True)]).main()
    assert await ended(pool) == [("nightly", 42)]


async def test_a_cron_job_may_be_a_dotted_name(make_worker, pool):
    await make_worker(cron_jobs=[cron("tests.arq.test_cron.tick", hour=1, run_at_startup=True)]).main()
    assert await ended(pool) == [("cron:tests.arq.test_cron.tick", 42)]


async def test_a_cron_job_has_one_try_by_default(make_worker, pool):
    async def again(ctx):
        raise Retry()

    await make_worker(cron_jobs=[cron(again, hour=1, run_at_startup=True)]).main()
    assert [result.job_try for result in await pool.all_job_results()] == [1]


async def test_a_cron_job_may_have_more_tries(make_worker, pool):
    async def again(ctx):
        if ctx["job_try"] == 1:
            raise Retry()

    await make_worker(cron_jobs=[cron(again, hour=1, run_at_startup=True, max_tries=2)]).main()
    assert [(result.job_try, result.success) for result in await pool.all_job_results()] == [(2, True)]


async def test_options_of_a_cron_job_are_those_of_its_jobs(make_worker, store, pool):
    jobs = [cron(tick, hour=1, run_at_startup=True, timeout=7, keep_result=60)]
    await make_worker(cron_jobs=jobs).main()
    job = await store.queries.job((await pool.all_job_results())[0].job_id)
    assert (job.timeout_ms, job.retention_ms, job.retry.max_attempts) == (7_000, 60_000, 1)


async def test_two_cron_jobs_with_one_id_run_once(make_worker, pool):
    jobs = [
        cron(tick, minute=10, run_at_startup=True, job_id="singleton"),
        cron(tock, minute=20, run_at_startup=True, job_id="singleton"),
    ]
    await make_worker(cron_jobs=jobs).main()
    assert len(await ended(pool)) == 1


async def test_one_function_with_two_ids_runs_twice(make_worker, pool):
    jobs = [
        cron(tick, minute=10, run_at_startup=True, job_id="one"),
        cron(tick, minute=20, run_at_startup=True, job_id="two"),
    ]
    await make_worker(cron_jobs=jobs).main()
    assert len(await ended(pool)) == 2


async def test_one_function_without_an_id_runs_once_at_startup(make_worker, pool):
    jobs = [cron(tick, minute=10, run_at_startup=True), cron(tick, minute=20, run_at_startup=True)]
    await make_worker(cron_jobs=jobs).main()
    assert len(await ended(pool)) == 1


async def test_a_cron_job_fires_on_time(pool, running):
    soon = datetime.now(UTC) + timedelta(seconds=1.2)
    job = cron(tick, second=soon.second, microsecond=soon.microsecond)
    await running(cron_jobs=[job], timezone=UTC)

    async def fired():
        found = [*await pool.queued_jobs(), *await pool.all_job_results()]
        assert found
        return found

    found = await eventually(fired)
    late = found[0].enqueue_time - soon
    assert timedelta() <= late + timedelta(milliseconds=1) < timedelta(milliseconds=500)


async def test_each_firing_is_one_job_over_all_workers(store, clock):
    crons = [await cron_of(store, clock, cron(tick, second={0, 20, 40})) for _ in range(3)]
    for _ in range(4):
        clock.advance(20)
        await asyncio.gather(*(one.work() for one in crons))
    assert len(await jobs_in(store)) == 4


async def test_a_firing_stays_one_job_after_it_was_pruned(store, clock):
    first, second = [await cron_of(store, clock, cron(tick, second=0)) for _ in range(2)]
    clock.advance(60)
    await first.work()
    [job] = await jobs_in(store)
    await store.jobs.cancel([job.id], 0)
    await store.jobs.delete([job.id])
    await second.work()
    assert await jobs_in(store) == []


async def test_a_cron_job_that_is_not_unique_fires_on_each_worker(store, clock):
    crons = [await cron_of(store, clock, cron(tick, second=0, unique=False)) for _ in range(3)]
    clock.advance(60)
    for one in crons:
        await one.work()
    assert len(await jobs_in(store)) == 3


async def test_a_custom_id_fires_again_when_its_last_job_has_ended(store, clock):
    one = await cron_of(store, clock, cron(tick, second=0, job_id="singleton"))
    clock.advance(60)
    await one.work()
    clock.advance(60)
    await one.work()
    [job] = await jobs_in(store)
    await store.jobs.cancel([job.id], 0)
    clock.advance(60)
    await one.work()
    assert sorted(job.state for job in await jobs_in(store)) == [State.CANCELLED, State.QUEUED]


async def test_a_suspended_worker_does_not_fire_what_is_long_past(store, clock):
    one = await cron_of(store, clock, cron(tick, second=0))
    clock.advance(3_600)
    pause = await one.work()
    assert await jobs_in(store) == []
    assert 0 < pause <= 30


async def test_a_firing_that_redis_refused_is_sent_again(store, clock):
    one = await cron_of(store, clock, cron(tick, second=0))
    clock.advance(60)
    before, store.jobs.submit_batch = store.jobs.submit_batch, broken
    with pytest.raises(ConnectionError):
        await one.work()
    store.jobs.submit_batch = before
    await one.work()
    assert len(await jobs_in(store)) == 1


async def broken(*_args, **_options):
    raise ConnectionError


async def jobs_in(store):
    return (await store.queries.list_jobs(JobFilter(), 200, None)).items


@pytest.mark.parametrize(
    ("fields", "after", "expected"),
    [
        ({"microsecond": 20}, (2016, 6, 1, 12, 10, 10), (2016, 6, 1, 12, 11, 0, 20)),
        ({"second": 20}, (2016, 6, 1, 12, 10, 10), (2016, 6, 1, 12, 10, 20, 123_456)),
        ({"second": {1, 30}, "microsecond": 0}, (2016, 6, 1, 12, 10, 10), (2016, 6, 1, 12, 10, 30)),
        ({"minute": 10, "microsecond": 0}, (2016, 6, 1, 12, 10, 0), (2016, 6, 1, 13, 10, 0)),
        ({"hour": 3}, (2032, 1, 1, 4), (2032, 1, 2, 3, 0, 0, 123_456)),
        ({"day": 31, "hour": 0, "minute": 59}, (2032, 4, 1), (2032, 5, 31, 0, 59, 0, 123_456)),
        ({"weekday": "tues", "hour": 0, "minute": 0}, (2032, 3, 25), (2032, 3, 30, 0, 0, 0, 123_456)),
        ({"day": 13, "weekday": 4, "hour": 0, "minute": 0}, (2032, 3, 1), (2032, 8, 13, 0, 0, 0, 123_456)),
        ({"month": 10, "day": 4, "hour": 23, "minute": 0}, (2032, 1, 1), (2032, 10, 4, 23, 0, 0, 123_456)),
    ],
)
def test_the_fields_of_a_cron_job_name_its_next_time(fields, after, expected):
    assert next_firing(cron(tick, **fields), UTC, at(*after)) == at(*expected)


def test_a_time_less_than_a_second_ahead_is_not_skipped():
    after = at(2016, 6, 1, 12, 10, 59, 500_000)
    assert next_firing(cron(tick, microsecond=0), UTC, after) == at(2016, 6, 1, 12, 11)


def test_a_cron_job_follows_the_clock_of_its_time_zone():
    berlin = ZoneInfo("Europe/Berlin")
    job = cron(tick, hour=2, minute=0, microsecond=0)
    assert next_firing(job, berlin, at(2026, 7, 1, 12)) == at(2026, 7, 2, 2, zone=berlin)
    # In the night when the hour from two to three comes twice, it fires once.
    first = next_firing(job, berlin, at(2026, 10, 24, 12))
    assert first == at(2026, 10, 25, 0)
    assert next_firing(job, berlin, first) == at(2026, 10, 26, 1)
    # Nothing that has fired is due again in the repeated hour.
    assert next_firing(job, berlin, at(2026, 10, 25, 1, 30)) == at(2026, 10, 26, 1)


async def test_the_default_time_zone_is_the_systems(store):
    one = await cron_of(store, Clock(), cron(tick, hour=1))
    assert one.entries[0].zone == datetime.now().astimezone().tzinfo


async def test_the_time_zone_of_the_settings_wins(store):
    zone = ZoneInfo("Asia/Tokyo")
    one = await cron_of(store, Clock(), cron(tick, hour=1), timezone=zone)
    assert one.entries[0].zone is zone


@pytest.mark.parametrize("fields", [{"weekday": "monday"}, {"month": 2, "day": 30}, {"second": "0"}])
def test_a_cron_job_that_can_never_fire_is_refused_by_name(fields):
    with pytest.raises(ConfigurationInvalid, match=r"cron\(\) of cron:tick"):
        Registry.load([], [], {"cron_jobs": [cron(tick, **fields)]})


@pytest.mark.parametrize("job_id", ["", "a\nb", "x" * 256, "\ud800"])
def test_a_cron_job_whose_id_the_store_cannot_hold_is_refused_by_name(job_id):
    with pytest.raises(ConfigurationInvalid, match=r"cron\(\) of cron:tick: job_id: must have"):
        Registry.load([], [], {"cron_jobs": [cron(tick, job_id=job_id)]})
