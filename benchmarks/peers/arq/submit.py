"""Enqueues jobs and prints the duration. arq has no bulk call, so fifty callers share a pool."""

import asyncio
import json
import os
import sys
import time

from arq import create_pool
from arq.connections import RedisSettings

CALLERS = 50
TEXT = "x" * 180


async def main(count: int) -> None:
    pool = await create_pool(RedisSettings.from_dsn(os.environ["BENCH_REDIS"]))
    left = iter(range(count))
    began, used = time.monotonic(), time.process_time()

    async def caller() -> None:
        for _ in left:
            await pool.enqueue_job("noop", TEXT)

    await asyncio.gather(*[caller() for _ in range(CALLERS)])
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - used}))
    await pool.aclose(close_connection_pool=True)


asyncio.run(main(int(sys.argv[1])))
