"""A worker with max_jobs=100 that keeps results."""

import os
from typing import Any, ClassVar

from arq.connections import RedisSettings

from benchmarks.handlers import noop


class WorkerSettings:
    functions: ClassVar[list[Any]] = [noop]
    redis_settings = RedisSettings.from_dsn(os.environ.get("BENCH_REDIS", "redis://localhost"))
    max_jobs = 100
    keep_result = 3600
    log_results = False
