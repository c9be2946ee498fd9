"""What a worker measures, and that no name from outside can make it grow without limit."""

from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from service.domain.job import Job, Lease
from service.domain.outcome import Succeeded, settle
from service.store.leases import Finish
from tests.support.exposition import Series, series, total, value
from tests.workers.reporting import lease
from workers.process.loop_lag import LoopLag
from workers.telemetry.histogram import BUCKETS
from workers.telemetry.metrics import Metrics


def run(measured: Metrics, **fields: object) -> None:
    job: Job = replace(lease().job, queued_at=0, started_at=2_000, created_at=0, **fields)
    settlement = settle(job, Succeeded(b"1"), 3_000, lambda: 0.5)
    measured.started(job)
    measured.settled(Finish(Lease(job, "token"), settlement, "wk_1", ended_at=3_000, run_ms=1_000))


def page(measured: Metrics) -> Series:
    return series(generate_latest(measured.registry).decode())


def test_the_histograms_reach_from_a_millisecond_to_an_hour() -> None:
    assert (BUCKETS[0], BUCKETS[-1]) == (0.001, 3600)


def test_wait_run_and_total_are_measured_separately() -> None:
    measured = Metrics()

    run(measured, name="work")

    labels = {"queue": "default", "name": "work"}
    assert value(page(measured), "triage_job_wait_seconds_sum", **labels) == 2
    assert value(page(measured), "triage_job_run_seconds_sum", **labels) == 1
    assert value(page(measured), "triage_job_total_seconds_sum", **labels) == 3
    assert value(page(measured), "triage_jobs_finished_total", outcome="succeeded", **labels) == 1


def test_every_outcome_starts_at_0_so_that_its_first_occurrence_is_an_increase() -> None:
    measured = Metrics()

    run(measured)

    assert (
        value(page(measured), "triage_jobs_finished_total", queue="default", name="scripted", outcome="dead")
        == 0
    )


def test_label_values_beyond_the_cap_are_counted_as_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.telemetry.metrics.MAX_LABEL_VALUES", 3)
    measured = Metrics()

    for number in range(5):
        run(measured, queue=f"queue-{number}")

    queues = {dict(labels).get("queue") for name, labels in page(measured) if name.startswith("triage_job_")}
    assert queues == {"queue-0", "queue-1", "queue-2", "other"}
    assert total(page(measured), "triage_jobs_finished_total", outcome="succeeded") == 5
    assert value(page(measured), "triage_label_overflow_total", label="queue") == 4


def test_pairs_of_queue_and_type_are_capped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.telemetry.metrics.MAX_PAIRS", 4)
    measured = Metrics()

    for number in range(3):
        for name in ("one", "two", "three"):
            run(measured, queue=f"queue-{number}", name=name)

    pairs = {
        (dict(labels)["queue"], dict(labels)["name"])
        for name, labels in page(measured)
        if name == "triage_job_run_seconds_count"
    }
    assert len(pairs) == 4 + len({"one", "two", "three"})
    assert total(page(measured), "triage_job_run_seconds_count") == 9
    assert value(page(measured), "triage_label_overflow_total", label="queue") == 10


def test_the_worst_lag_of_a_minute_is_shown_and_then_forgotten() -> None:
    lag = LoopLag()

    assert lag.worst(0, 0.1) == 0.1
    assert lag.worst(1, 3.0) == 3.0
    assert lag.worst(30, 0.2) == 3.0
    assert lag.worst(61, 0.1) == 3.0
    assert lag.worst(62, 0.1) == 0.2
    assert lag.worst(200, 0.0) == 0.0


def test_a_run_whose_job_was_cancelled_meanwhile_counts_as_cancelled() -> None:
    measured = Metrics()
    settlement = settle(lease().job, Succeeded(b"1"), 0, lambda: 0.5)
    measured.settled(Finish(lease(), settlement, "wk_1", ended_at=1, run_ms=1), cancelled=True)
    finished = {
        outcome: total(page(measured), "triage_jobs_finished_total", outcome=outcome)
        for outcome in ("succeeded", "cancelled")
    }
    assert finished == {"succeeded": 0, "cancelled": 1}
