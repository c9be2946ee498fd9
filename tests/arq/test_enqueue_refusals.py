"""What `ctx["redis"].enqueue_job` refuses, as the API does."""

import re

import pytest
from arq.jobs import SerializationError

from service.domain.errors import QueueFull, TooManyQueues
from service.store.namespace import Namespace
from tests.support.factories import DAY, limit

pytestmark = pytest.mark.anyio


async def add(ctx, a, b=0):
    return a + b


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), "\ud800", 2**70, b"bytes"])
async def test_what_is_not_json_is_not_enqueued(pool, value):
    with pytest.raises(SerializationError, match='unable to serialize job "add"'):
        await pool.enqueue_job("add", value)
    assert await pool.queued_jobs() == []


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        ("no such function", {}, "Invalid job type name 'no such function'"),
        ("", {}, "Invalid job type name ''"),
        ("answer", {"_queue_name": "no such/queue"}, "Invalid queue name 'no such/queue'"),
        ("answer", {"_job_id": "x" * 256}, "Invalid _job_id"),
        ("answer", {"_job_id": "a\nb"}, "Invalid _job_id"),
        ("answer", {"_defer_by": 1e12}, "_defer_by must be at most"),
        ("answer", {"_defer_by": float("nan")}, "_defer_by must be a number"),
        ("answer", {"_expires": -1}, "_expires must be positive"),
        ("answer", {"_job_try": 0}, "_job_try must be from 1 to 1000"),
        ("answer", {"text": "x" * 65_536}, "the limit is 65,536"),
    ],
)
async def test_what_the_api_refuses_is_not_enqueued(pool, function, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        await pool.enqueue_job(function, **options)
    assert await pool.queued_jobs() == []


async def test_arguments_that_a_known_function_does_not_take_are_refused(make_pool):
    with pytest.raises(TypeError):
        await make_pool(add).enqueue_job("add", 1, 2, 3)


async def test_a_full_queue_is_said_and_not_taken_for_a_job(pool, stores):
    await limit(stores, "small", max_depth=1)
    await pool.enqueue_job("answer", _queue_name="small")
    with pytest.raises(QueueFull):
        await pool.enqueue_job("answer", _queue_name="small")


async def test_a_queue_too_many_is_refused_and_not_taken_for_a_job(pool, stores):
    pool.stores = Namespace(stores.scripts.redis, stores.scripts.namespace, DAY, max_queues=1)
    assert await pool.enqueue_job("answer", _queue_name="first") is not None
    with pytest.raises(TooManyQueues):
        await pool.enqueue_job("answer", _queue_name="second")
    assert await pool.enqueue_job("answer", _queue_name="first") is not None
