"""`ctx["redis"].enqueue_job` and its arguments."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from arq.jobs import Job, JobStatus
from arq.worker import Retry, func

from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio


async def response(ctx):
    return 42


async def add(ctx, a, b=0):
    return a + b


async def tries(ctx):
    return ctx["job_try"]


async def test_an_enqueued_job_runs_and_gives_its_result(pool, make_worker):
    job = await pool.enqueue_job("response")
    await make_worker([response]).main()
    assert await job.result(poll_delay=0) == 42


async def test_positional_and_keyword_arguments_arrive(pool, make_worker):
    job = await pool.enqueue_job("add", 1, b=2)
    await make_worker([add]).main()
    assert await job.result(timeout=10) == 3


async def test_an_unknown_number_of_arguments_arrives(pool, make_worker):
    async def gather(ctx, *args, **kwargs):
        return [args, kwargs]

    job = await pool.enqueue_job("gather", 1, 2, c=3)
    await make_worker([gather]).main()
    assert await job.result(timeout=10) == [[1, 2], {"c": 3}]


async def test_jobs_go_to_the_queue_that_is_named(pool, make_worker):
    jobs = [await pool.enqueue_job("response", _queue_name=name) for name in ("arq:queue1", "arq:queue2")]
    assert [(await pool.find_job(job.job_id)).queue for job in jobs] == ["arq:queue1", "arq:queue2"]
    await make_worker([response]).main()
    assert [await job.result(timeout=10) for job in jobs] == [42, 42]


async def test_a_handler_enqueues_a_job_that_a_job_object_with_its_id_finds(pool, make_worker):
    async def parent(ctx):
        return (await ctx["redis"].enqueue_job("response")).job_id

    job = await pool.enqueue_job("parent")
    await make_worker([parent, response]).main()
    assert await Job(await job.result(timeout=10), pool).result(timeout=10) == 42


async def test_an_id_is_taken_while_its_job_waits(pool):
    job = await pool.enqueue_job("response", _job_id="the-id", _defer_by=3600)
    assert isinstance(job, Job)
    assert await pool.enqueue_job("response", _job_id="the-id") is None


async def test_an_id_is_unique_over_all_queues_and_functions(pool):
    await pool.enqueue_job("response", _job_id="the-id", _queue_name="one")
    assert await pool.enqueue_job("add", 1, _job_id="the-id", _queue_name="other") is None


async def test_an_id_may_hold_any_printable_character(pool):
    assert await pool.enqueue_job("response", _job_id="user|5, ü") is not None
    assert await pool.enqueue_job("response", _job_id="user|5, ü") is None


async def test_an_id_is_taken_while_its_result_is_kept(pool, make_worker, store):
    await pool.enqueue_job("response", _job_id="the-id")
    await make_worker([func(response, keep_result=3600)]).main()
    assert await pool.enqueue_job("response", _job_id="the-id") is None
    left = await store.scripts.redis.pttl(f"{store.scripts.prefix}unique:|the-id")
    assert 3_500_000 < left <= 3_600_000


async def test_an_id_is_free_at_the_end_of_a_job_whose_result_is_not_kept(make_pool, make_worker):
    functions = [func(response, keep_result=0)]
    client = make_pool(*functions)
    await client.enqueue_job("response", _job_id="the-id")
    await make_worker(functions).main()
    assert await client.enqueue_job("response", _job_id="the-id") is not None


async def fail(ctx):
    raise ValueError


FAILING = func(fail, max_tries=1)


async def test_a_failed_job_that_is_kept_does_not_hold_its_id(make_pool, make_worker, store):
    await make_pool(FAILING).enqueue_job("fail", _job_id="the-id")
    await make_worker([FAILING]).main()
    key = f"{store.scripts.prefix}unique:|the-id"
    assert 0 < await store.scripts.redis.pttl(key) <= 3_600_000


async def test_a_failed_job_that_is_retried_has_its_id_until_it_finishes(make_pool, make_worker, store):
    client = make_pool(FAILING)
    job = await client.enqueue_job("fail", _job_id="the-id")
    await make_worker([FAILING]).main()
    assert (await store.jobs.redrive([job.job_id]))[0].result == "moved"
    assert await store.scripts.redis.pttl(f"{store.scripts.prefix}unique:|the-id") == -1
    assert await client.enqueue_job("fail", _job_id="the-id") is None


async def test_of_many_simultaneous_jobs_with_one_id_one_runs(pool):
    jobs = await asyncio.gather(*(pool.enqueue_job("response", i, _job_id="the-id") for i in range(10)))
    assert sum(job is not None for job in jobs) == 1


async def test_no_id_runs_twice(pool, make_worker):
    counts: dict[int, int] = {}

    async def count(ctx, v):
        counts[v] = counts.get(v, 0) + 1

    await asyncio.gather(*(pool.enqueue_job("count", i, _job_id=f"v-{i}") for i in [*range(30), *range(30)]))
    await make_worker([count]).main()
    assert counts == dict.fromkeys(range(30), 1)


async def test_a_job_object_is_found_by_the_id_that_was_given(pool, make_worker):
    await pool.enqueue_job("response", _job_id="the-id")
    assert await Job("the-id", pool).status() == JobStatus.queued
    await make_worker([response]).main()
    assert await Job("the-id", pool).result(timeout=10) == 42


async def test_a_job_waits_until_its_time(pool):
    job = await pool.enqueue_job("response", _defer_until=datetime(2032, 1, 1, tzinfo=UTC))
    assert (await job.info()).score == 1_956_528_000_000
    assert await job.status() == JobStatus.deferred


@pytest.mark.parametrize("delay", [20, timedelta(seconds=20)])
async def test_a_job_waits_for_so_long(pool, delay):
    job = await pool.enqueue_job("response", _defer_by=delay)
    info = await job.info()
    assert info.score - info.enqueue_time.timestamp() * 1000 == pytest.approx(20_000, abs=5)


async def test_a_time_that_has_passed_is_now(pool):
    job = await pool.enqueue_job("response", _defer_by=-2)
    assert await job.status() == JobStatus.queued


async def test_a_job_cannot_wait_until_and_for(pool):
    with pytest.raises(RuntimeError, match="not both"):
        await pool.enqueue_job("response", _defer_by=1, _defer_until=datetime(2032, 1, 1, tzinfo=UTC))


async def test_a_job_that_has_not_started_in_time_fails(pool, store):
    job = await pool.enqueue_job("response", _expires=0.001)
    await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.01)
    await store.leases.expire_jobs(10)
    with pytest.raises(Exception, match="job expired"):
        await job.result(timeout=10)


async def test_jobs_expire_only_if_they_have_an_expiry(pool):
    assert (await pool.find_job((await pool.enqueue_job("response")).job_id)).expires_at is None


async def test_expires_extra_ms_counts_from_the_time_of_the_job(pool):
    pool.expires_extra_ms = 1_000_000
    job = await pool.find_job((await pool.enqueue_job("response", _defer_by=10)).job_id)
    assert job.expires_at - job.created_at == pytest.approx(1_010_000, abs=5)


async def test_a_job_may_begin_with_a_later_try(pool, make_worker):
    job = await pool.enqueue_job("tries", _job_try=3)
    await make_worker([tries]).main()
    assert await job.result(timeout=10) == 3


async def test_tries_count_from_the_one_that_a_job_began_with(pool, make_worker):
    async def third_fails(ctx):
        if ctx["job_try"] == 3:
            raise Retry(0.01)
        return ctx["job_try"]

    job = await pool.enqueue_job("third_fails", _job_try=3)
    await make_worker([third_fails]).main()
    assert await job.result(timeout=10) == 4


async def test_a_dotted_function_is_found_by_its_dotted_name(pool, make_worker):
    job = await pool.enqueue_job("tests.arq.test_enqueue.response")
    await make_worker(["tests.arq.test_enqueue.response"]).main()
    assert await job.result(timeout=10) == 42


async def test_a_method_is_found_by_its_qualified_name(pool, make_worker):
    job = await pool.enqueue_job("Mail.send")
    await make_worker([Mail.send]).main()
    assert await job.result(timeout=10) == "sent"


class Mail:
    @staticmethod
    async def send(ctx):
        return "sent"


async def test_a_function_of_another_worker_is_enqueued_with_its_options(pool, running):
    await running([func(response, max_tries=7, timeout=9)])

    async def published():
        assert await pool.namespace.workers.job_types()

    await eventually(published)
    job = await pool.find_job((await pool.enqueue_job("response")).job_id)
    assert (job.retry.max_attempts, job.timeout_ms) == (7, 9_000)


async def test_queued_jobs_are_listed_with_their_arguments(pool):
    first = await pool.enqueue_job("first", a=1, b=2)
    second = await pool.enqueue_job("second", 4, b=5, _defer_by=60)
    found = await pool.queued_jobs()
    assert [(job.function, job.args, job.kwargs, job.job_try, job.job_id) for job in found] == [
        ("first", (), {"a": 1, "b": 2}, None, first.job_id),
        ("second", (4,), {"b": 5}, None, second.job_id),
    ]
    assert found[0].score < found[1].score


async def test_queued_jobs_of_one_queue_are_listed(pool):
    await pool.enqueue_job("first", _queue_name="one")
    await pool.enqueue_job("second", _queue_name="other")
    assert [job.function for job in await pool.queued_jobs(queue_name="other")] == ["second"]


async def test_results_of_all_jobs_are_listed(pool, make_worker):
    await pool.enqueue_job("add", 1, 2)
    await pool.enqueue_job("response")
    await make_worker([add, response]).main()
    assert [result.result for result in await pool.all_job_results()] == [3, 42]


async def test_the_client_is_a_redis_client(pool, namespace):
    await pool.set(f"test:{namespace}", "1", px=1000)
    assert await pool.get(f"test:{namespace}") == b"1"
