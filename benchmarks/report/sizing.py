"""Computes the number of processes and the memory for a rate, from the measured cost of a job."""

import math
from typing import Any

from benchmarks.report.numbers import number

RATES = (10, 100, 1_000, 2_000, 5_000, 10_000, 20_000)
#: The share of a core that a process should use; the rest is for peaks.
BUSY = 0.7
BULK = 1_000


def sizing(results: dict[str, Any]) -> list[str]:
    """Processes, load of Redis and memory by rate, for handlers that take no time."""
    rows = {row["row"]: row for row in results["rows"]}
    drain, http, bulk = [next(iter(rows[name]["sides"].values())) for name in ("drain", "http", "bulk")]
    worker_us, kept = drain["cpu_us"]["worker"], drain["also"]["bytes kept"]
    lines = [
        "| jobs/s | workers | API, single | API, bulk | Redis, single | Redis, bulk | memory per hour kept |",
        "|---|---|---|---|---|---|---|",
    ]
    for rate in RATES:
        redis = [_share(rate, drain["cpu_us"]["Redis"] + side["cpu_us"]["Redis"]) for side in (http, bulk)]
        cells = [
            f"{rate:,}",
            _processes(rate, worker_us),
            _processes(rate, http["cpu_us"]["API"]),
            _processes(rate, bulk["cpu_us"]["API"]),
            *redis,
            f"{number(rate * 3600 * kept / 1e9)} GB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    memory = next(iter(rows["memory"]["sides"].values()))["median"]
    return [*lines, "", f"A backlog adds {number(memory * 1e6 / 1e9)} GB per million queued jobs."]


def _processes(rate: int, us: float) -> str:
    return str(max(1, math.ceil(rate * us / 1e6 / BUSY)))


def _share(rate: int, us: float) -> str:
    return f"{rate * us / 1e4:.0f} %" if rate * us / 1e6 <= BUSY else "too much"
