"""What `ctx["redis"].enqueue_job` refuses, as the API does."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from arq.jobs import SerializationError

from service.domain.errors import QueueFull, TooManyQueues
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.factories import DAY, limit

pytestmark = pytest.mark.anyio


async def add(ctx, a, b=0):
    return a + b


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), "\ud800", 2**70, b"bytes"])
async def test_arguments_that_are_not_json_are_refused(pool, value):
    with pytest.raises(SerializationError, match='unable to serialize job "add"'):
        await pool.enqueue_job("add", value)
    assert await pool.queued_jobs() == []


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        ("no such function", {}, "function: must have 1 to 128 letters, digits and . _ : -"),
        ("", {}, "function: must have"),
        (7, {}, "function: must be a string"),
        ("response", {"_queue_name": "no such/queue"}, "_queue_name: must have 1 to 128 letters"),
        ("response", {"_queue_name": 7}, "_queue_name: must be a string"),
        ("response", {"_job_id": "x" * 256}, "_job_id: must have 1 to 255 characters"),
        ("response", {"_job_id": "a\nb"}, "_job_id: must have"),
        ("response", {"_job_id": 7}, "_job_id: must be a string"),
        ("response", {"_defer_by": 1e12}, "_defer_by: must be from 0 to 315360000"),
        ("response", {"_defer_by": 315_360_001}, "_defer_by: must be from 0 to 315360000"),
        ("response", {"_defer_by": float("nan")}, "_defer_by must be a number"),
        ("response", {"_defer_until": "2026-11-27 09:30"}, "_defer_until: must be a time like"),
        ("response", {"_defer_until": 1_800_000_000}, "_defer_until: must be a time like"),
        ("response", {"_expires": -1}, "_expires: must be greater than 0"),
        ("response", {"_expires": 315_360_001}, "_expires: must be from 0 to 315360000"),
        ("response", {"_job_try": 0}, "_job_try: must be from 1 to 1000"),
        ("response", {"_job_try": 1001}, "_job_try: must be from 1 to 1000"),
        ("response", {"_job_try": 1.5}, "_job_try: must be a whole number"),
        ("response", {"_job_try": True}, "_job_try: must be a whole number"),
        ("response", {"text": "x" * 65_536}, "the limit is 65,536"),
    ],
)
async def test_values_that_the_api_refuses_are_refused(pool, function, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        await pool.enqueue_job(function, **options)
    assert await pool.queued_jobs() == []


async def test_times_at_the_limits_of_the_calendar_are_valid(pool):
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
    last = datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))
    enqueued = [await pool.enqueue_job("response", _defer_until=time) for time in (first, last)]
    jobs = [await pool.find_job(job.job_id) for job in enqueued]
    assert [job.state for job in jobs] == [State.QUEUED, State.SCHEDULED]


async def test_arguments_that_a_known_function_does_not_take_are_refused(make_pool):
    with pytest.raises(TypeError):
        await make_pool(add).enqueue_job("add", 1, 2, 3)


async def test_a_full_queue_is_an_error_and_not_a_duplicate(pool, store):
    await limit(store, "small", max_depth=1)
    await pool.enqueue_job("response", _queue_name="small")
    with pytest.raises(QueueFull):
        await pool.enqueue_job("response", _queue_name="small")


async def test_a_queue_too_many_is_an_error_and_not_a_duplicate(pool, store):
    pool.namespace = Namespace(store.scripts.redis, store.scripts.namespace, DAY, max_queues=1)
    assert await pool.enqueue_job("response", _queue_name="first") is not None
    with pytest.raises(TooManyQueues):
        await pool.enqueue_job("response", _queue_name="second")
    assert await pool.enqueue_job("response", _queue_name="first") is not None
