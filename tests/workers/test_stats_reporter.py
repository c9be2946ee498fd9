"""A worker reports the differences of its metrics, each exactly once."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from service.domain.errors import OutcomeUnknown
from service.domain.job import Job, Lease
from service.domain.outcome import Failed, Failure, Outcome, Succeeded, settle
from service.store.leases import Finish
from tests.support.manual_clock import ManualClock
from tests.workers.reporting import lease
from workers.maintenance.stats_reporter import INTERVAL, StatsReporter
from workers.telemetry.histogram import BUCKETS
from workers.telemetry.metrics import Metrics, ProcessMetrics

OK, BROKEN = Succeeded(b"1"), Failed(Failure("ValueError", "broken"))


class Reports:
    """Keeps what was reported by number; fails when `broken`."""

    def __init__(self) -> None:
        self.kept: dict[int, Mapping[str, int]] = {}
        self.broken = False
        #: Redis' time.
        self.now = 30_000

    async def add(self, worker_id: str, number: int, counts: Mapping[str, int]) -> int:
        self.kept.setdefault(number, counts)
        if self.broken:
            raise OutcomeUnknown()
        return self.now


def run(metrics: Metrics, outcome: Outcome, **fields: object) -> None:
    job: Job = replace(lease().job, queued_at=0, started_at=2_000, created_at=0, **fields)
    metrics.started(job)
    settlement = settle(job, outcome, 3_000, lambda: 0.5)
    metrics.settled(Finish(Lease(job, "token"), settlement, "wk_1", ended_at=3_000, run_ms=1_000))


def reporter(metrics: Metrics, reports: Reports) -> StatsReporter:
    return StatsReporter(metrics, reports, ManualClock(), "wk_1")  # type: ignore[arg-type]


async def test_queues_and_job_types_get_what_is_new() -> None:
    metrics, reports = Metrics(), Reports()
    report = reporter(metrics, reports).report
    run(metrics, OK, queue="bulk", name="work")
    run(metrics, BROKEN, queue="default", name="work")
    await report()
    await report()
    run(metrics, OK, queue="bulk", name="work")
    await report()
    one = {"0": 1, "1": 1, "w20": 1, "r18": 1}
    both = {"0": 2, "1": 1, "2": 1, "w20": 2, "r18": 2}
    assert reports.kept == {
        1: {f"q|bulk|{column}": count for column, count in one.items()}
        | {f"q|default|{column}": 1 for column in ("0", "2", "w20", "r18")}
        | {f"t|work|{column}": count for column, count in both.items()},
        2: {f"{name}|{column}": count for name in ("q|bulk", "t|work") for column, count in one.items()},
    }


async def test_a_report_without_a_reply_is_repeated_and_later_counts_come_in_the_next() -> None:
    metrics, reports = Metrics(), Reports()
    report = reporter(metrics, reports).report
    run(metrics, OK)
    reports.broken = True
    with pytest.raises(OutcomeUnknown):
        await report()
    run(metrics, OK)
    reports.broken = False
    await report()
    assert [counts["q|default|1"] for counts in reports.kept.values()] == [1, 1]


async def test_a_report_follows_the_end_of_a_minute() -> None:
    metrics, reports = Metrics(), Reports()
    report = reporter(metrics, reports).report
    run(metrics, OK)
    assert await report() == INTERVAL
    reports.now = 58_500
    run(metrics, OK)
    assert await report() == pytest.approx(1.6)


def test_the_history_has_every_bucket_of_the_metrics() -> None:
    metrics = ProcessMetrics()
    assert len(metrics.wait.labels("q", "t").counts) > len(BUCKETS)
