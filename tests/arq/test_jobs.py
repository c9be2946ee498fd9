"""What a job object returns about its job: result, information, status, abort."""

import asyncio

import pytest
from arq.jobs import Job, JobDef, JobResult, JobStatus, ResultNotFound, SerializationError
from arq.worker import JobExecutionFailed, Retry, func
from redis.asyncio import Redis

from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio


async def response(ctx, *args, **kwargs):
    return 42


async def fail(ctx):
    raise TypeError("my type error")


async def hang(ctx):
    await asyncio.Event().wait()


ONCE = func(fail, max_tries=1)


async def is_running(job):
    async def check():
        assert await job.status() == JobStatus.in_progress

    await eventually(check)


async def test_a_job_that_does_not_exist_is_not_found(pool):
    job = Job("nothing", pool)
    assert await job.status() == JobStatus.not_found
    assert await job.info() is None
    assert await job.result_info() is None


async def test_waiting_for_the_result_of_an_unknown_job_ends_at_once(pool):
    with pytest.raises(ResultNotFound):
        await Job("nothing", pool).result(timeout=10)


async def test_waiting_for_a_result_ends_with_the_timeout(pool):
    job = await pool.enqueue_job("response")
    with pytest.raises(asyncio.TimeoutError):
        await job.result(0.05, poll_delay=0)


async def test_waiting_for_a_result_ends_with_the_job(pool, make_worker):
    job = await pool.enqueue_job("response")
    waiting = asyncio.create_task(job.result(poll_delay=60))
    await make_worker([response]).main()
    assert await asyncio.wait_for(waiting, 2) == 42


async def test_a_handler_waits_for_the_job_that_it_enqueued(pool, running):
    async def parent(ctx):
        child = await ctx["redis"].enqueue_job("response")
        return await child.result(timeout=10)

    await running([parent, response])
    assert await (await pool.enqueue_job("parent")).result(timeout=10) == 42


async def test_waiting_for_a_job_that_is_pruned_meanwhile_ends(pool, store):
    job = await pool.enqueue_job("response")
    waiting = asyncio.create_task(job.result(poll_delay=0))
    await store.jobs.cancel([job.job_id], 0)
    await store.jobs.delete([job.job_id])
    with pytest.raises((ResultNotFound, asyncio.CancelledError)):
        await asyncio.wait_for(waiting, 5)


async def test_pole_delay_is_deprecated(pool, make_worker):
    job = await pool.enqueue_job("response")
    await make_worker([response]).main()
    with pytest.warns(DeprecationWarning, match="poll_delay"):
        assert await job.result(pole_delay=0) == 42


async def test_the_info_of_a_waiting_job_is_complete(pool):
    job = await pool.enqueue_job("response", 123, a=456)
    info = await job.info()
    assert type(info) is JobDef
    assert (info.function, info.args, info.kwargs, info.job_try) == ("response", (123,), {"a": 456}, None)
    assert info.job_id == job.job_id
    assert info.score is not None
    assert abs(info.enqueue_time.timestamp() * 1000 - info.score) < 1000


async def test_the_info_of_a_finished_job_is_complete(pool, make_worker):
    job = await pool.enqueue_job("response", 1, 2, c=3, _queue_name="custom")
    assert await job.status() == JobStatus.queued
    assert await job.result_info() is None
    await make_worker([response]).main()
    assert await job.status() == JobStatus.complete
    info = await job.info()
    assert isinstance(info, JobResult)
    assert (info.function, info.args, info.kwargs) == ("response", (1, 2), {"c": 3})
    assert (info.success, info.result, info.job_try, info.score) == (True, 42, 1, None)
    assert (info.queue_name, info.job_id) == ("custom", job.job_id)
    assert info.enqueue_time <= info.start_time <= info.finish_time
    assert await job.result_info() == info
    assert await pool.all_job_results() == [info]


async def test_a_job_in_progress_has_that_status(pool, running):
    job = await pool.enqueue_job("hang")
    await running([hang])
    await is_running(job)
    assert (await job.info()).job_try == 1
    await job.abort(timeout=10)


async def test_the_exception_of_a_job_is_raised_again(make_pool, make_worker):
    job = await make_pool(ONCE).enqueue_job("fail")
    await make_worker([ONCE]).main()
    with pytest.raises(TypeError, match="my type error"):
        await job.result(timeout=10)


async def test_a_failed_job_has_its_exception_as_result(make_pool, make_worker):
    job = await make_pool(ONCE).enqueue_job("fail")
    await make_worker([ONCE]).main()
    info = await job.result_info()
    assert (info.success, repr(info.result)) == (False, "TypeError('my type error')")


async def test_an_exception_of_a_custom_class_is_described_in_words(make_pool, make_worker):
    class Own(Exception): ...

    async def raises(ctx):
        raise Own("mine")

    once = func(raises, max_tries=1)
    job = await make_pool(once).enqueue_job("raises")
    await make_worker([once]).main()
    with pytest.raises(JobExecutionFailed, match="Own: mine"):
        await job.result(timeout=10)


async def test_a_job_that_retries_too_often_reports_how_often(make_pool, make_worker):
    async def again(ctx):
        raise Retry()

    functions = [func(again, name="again")]
    job = await make_pool(*functions).enqueue_job("again")
    await make_worker(functions).main()
    with pytest.raises(JobExecutionFailed, match="max 5 retries exceeded"):
        await job.result(timeout=10)


async def test_a_result_that_is_not_json_is_not_returned(pool, make_worker):
    async def odd(ctx):
        return object()

    job = await pool.enqueue_job("odd")
    await make_worker([odd]).main()
    with pytest.raises(SerializationError, match="unable to serialize result"):
        await job.result(timeout=10)


async def test_a_job_of_an_unknown_function_waits(pool, make_worker):
    job = await pool.enqueue_job("missing")
    await make_worker([response]).main()
    assert await job.status() == JobStatus.queued


async def test_a_running_job_is_aborted(pool, running):
    job = await pool.enqueue_job("hang")
    await running([hang], allow_abort_jobs=True)
    await is_running(job)
    assert await job.abort(timeout=10) is True
    with pytest.raises(asyncio.CancelledError):
        await job.result(timeout=10)


async def test_a_job_is_aborted_before_it_starts(pool, make_worker):
    ran = []

    async def note(ctx):
        ran.append(1)

    job = await pool.enqueue_job("note")
    assert await job.abort(timeout=0) is True
    await make_worker([note]).main()
    assert ran == []


async def test_a_deferred_job_is_aborted_before_its_time(pool):
    job = await pool.enqueue_job("response", _defer_by=86_400)
    assert await job.abort(timeout=1) is True
    assert await job.status() == JobStatus.complete


async def test_a_job_that_does_not_exist_is_not_aborted(pool):
    assert await Job("nothing", pool).abort() is False


async def test_a_job_that_has_ended_is_not_aborted(pool, make_worker):
    job = await pool.enqueue_job("response")
    await make_worker([response]).main()
    assert await job.abort() is False
    assert await job.result(timeout=10) == 42


async def test_another_client_gets_arqs_own_job_object(redis_url):
    client = Redis.from_url(redis_url)
    assert await Job("nothing", client).status() == JobStatus.not_found
    await client.aclose()
    assert str(Job("an-id", client)) == "<arq job an-id>"
