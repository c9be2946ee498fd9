"""`Worker.run_check`, which arq users call in their own tests."""

import pytest
from arq.worker import FailedJobs, func

pytestmark = pytest.mark.anyio


async def response(ctx):
    return 42


async def fail(ctx):
    raise ValueError("no")


async def test_a_check_returns_how_many_jobs_succeeded(make_worker, pool):
    for _ in range(3):
        await pool.enqueue_job("response")
    assert await make_worker([response]).run_check() == 3


async def test_a_check_raises_the_results_of_jobs_that_failed(make_worker, make_pool):
    functions = [response, func(fail, max_tries=1)]
    client = make_pool(*functions)
    await client.enqueue_job("response")
    await client.enqueue_job("fail")
    worker = make_worker(functions)
    with pytest.raises(FailedJobs, match="1 job failed") as raised:
        await worker.run_check()
    [result] = raised.value.job_results
    assert (result.function, repr(result.result)) == ("fail", "ValueError('no')")
    # It reads results after the worker has ended; a connection left open would be a warning, and so an error.
    await worker.close()
