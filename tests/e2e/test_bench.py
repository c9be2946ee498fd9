"""`triage bench` against a live installation, as its operator runs it."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.command_line import triage
from tests.e2e.processes import ROOT, Cluster
from tests.support.eventually import eventually_blocking

SHIPPED = "workers.handlers"


def jobs_left(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.http.get("/v1/jobs", params={"limit": 200}).json()["items"]


def start(cluster: Cluster, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "bench", *arguments],
        env={**cluster.environment, "TRIAGE_URL": str(cluster.http.base_url)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_figures_for_programs_and_people_and_leaves_nothing(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=SHIPPED)
    run = triage(cluster, "bench", "--jobs", "60", "--concurrency", "4", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert set(found) == {
        "id", "complete", "why", "job", "queue", "jobs", "concurrency", "batch", "workers", "capacity",
        "submission", "errors", "states", "dead", "wait_seconds", "run_seconds", "finished_seconds",
        "finished_per_second", "notes",
    }  # fmt: skip
    assert (found["complete"], found["why"], found["states"]) == (True, None, {"succeeded": 60})
    assert (found["errors"], found["dead"], found["workers"]) == ({}, {}, 1)
    submission = found["submission"]
    assert set(submission) == {
        "accepted", "seconds", "per_second", "requests", "request_seconds", "client_lag_seconds", "client_cpu"
    }  # fmt: skip
    assert (submission["accepted"], submission["requests"]) == (60, 60)
    assert submission["per_second"] > 0
    for row in (submission["request_seconds"], found["wait_seconds"], found["run_seconds"]):
        assert 0 <= row["p50"] <= row["p95"] <= row["p99"] <= row["max"] < 30
    assert jobs_left(cluster) == []
    run = triage(cluster, "bench", "--jobs", "60", "--batch", "25")
    assert run.returncode == 0, run.stderr
    assert "60 sync-data to queue bench, 25 per request, 16 connections; workers: 1" in run.stdout
    assert "60 succeeded" in run.stdout
    assert jobs_left(cluster) == []


def test_jobs_that_fail_are_counted_by_reason_and_leave_no_dead_letters(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    payload = '{"do": "give_up"}'
    run = triage(cluster, "bench", "--jobs", "9", "--job", "scripted", "--payload", payload, "--json")
    found = json.loads(run.stdout)
    assert (run.returncode, found["states"], found["dead"]) == (1, {"dead": 9}, {"non_retryable": 9})
    assert cluster.http.get("/v1/dlq").json()["items"] == []


def test_a_queue_with_other_work_is_left_alone_unless_forced(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=SHIPPED)
    other = cluster.submit("sync-data", queue="bench", delay_seconds=3_600)
    run = triage(cluster, "bench", "--jobs", "5")
    assert (run.returncode, run.stdout) == (1, "")
    assert "queue bench has 1 unfinished jobs. Use --force to measure anyway." in run.stderr
    run = triage(cluster, "bench", "--jobs", "5", "--force")
    assert run.returncode == 0, run.stderr
    assert "The queue had 1 other jobs" in run.stdout
    assert [job["id"] for job in jobs_left(cluster)] == [other["id"]]


def test_an_interrupted_measurement_cancels_and_removes_its_jobs(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    process = start(cluster, "--jobs", "50", "--job", "scripted", "--payload", '{"seconds": 60}')

    def running() -> None:
        assert any(job["state"] == "running" for job in jobs_left(cluster)), process.poll()

    eventually_blocking(running, 30)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "triage: the submitted jobs are cancelled and deleted" in errors
    assert jobs_left(cluster) == []


def test_a_second_interrupt_does_not_wait_for_the_removal(cluster: Cluster) -> None:
    api = cluster.start_api()
    process = start(cluster, "--json")

    def waits() -> None:
        assert jobs_left(cluster), process.poll()

    eventually_blocking(waits, 30)
    api.send_signal(signal.SIGSTOP)

    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "interrupt again to leave them" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert errors.startswith("triage: interrupted; jobs tagged triage-bench:")
    assert "Traceback" not in errors


def test_a_measurement_stopped_while_submitting_leaves_nothing_either(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=SHIPPED)
    process = start(cluster, "--jobs", "500000", "--concurrency", "8", "--json")

    def many() -> None:
        # More than the warm-up has.
        assert len(jobs_left(cluster)) > 100, process.poll()

    eventually_blocking(many, 30)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert jobs_left(cluster) == []


def test_a_wrong_key_is_reported(cluster: Cluster) -> None:
    cluster.environment |= {"TRIAGE_AUTH": "required", "TRIAGE_API_KEY": "triage_wrong"}
    cluster.start_api()
    run = triage(cluster, "bench")
    assert (run.returncode, run.stdout) == (1, "")
    assert "triage: 401 unauthenticated: Invalid API key or token." in run.stderr


def test_a_job_that_cannot_be_submitted_is_reported_with_the_field(cluster: Cluster) -> None:
    cluster.start_api()
    run = triage(cluster, "bench", "--job", "not a name")
    assert (run.returncode, run.stdout) == (1, "")
    assert "triage: 422 validation_failed" in run.stderr
    assert " /name: " in run.stderr


@pytest.mark.long
def test_a_measurement_ends_in_time_while_it_still_submits(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=SHIPPED)
    run = triage(cluster, "bench", "--jobs", "1000000", "--timeout", "5", "--json")
    assert run.returncode == 1
    found = json.loads(run.stdout)
    assert found["why"] == "Not all jobs had been submitted by then."
    assert 0 < found["submission"]["accepted"] < 1_000_000
    assert sum(found["states"].values()) >= found["submission"]["accepted"]
    assert jobs_left(cluster) == []


@pytest.mark.parametrize(
    ("worker", "job", "why"),
    [
        (False, "sync-data", "No live worker serves queue bench."),
        (True, "absent", "No live worker of queue bench knows job type absent."),
    ],
)
def test_without_a_worker_that_knows_the_type_it_ends_and_reports_it(
    cluster: Cluster, worker: bool, job: str, why: str
) -> None:
    cluster.start_api()
    if worker:
        cluster.start_worker()
    run = triage(cluster, "bench", "--job", job, "--timeout", "1", "--json")
    assert run.returncode == 1
    assert "triage: some jobs have not finished after 1 s. job_" in run.stderr
    assert why in run.stderr
    found = json.loads(run.stdout)
    assert (found["complete"], found["submission"]) == (False, None)
    assert why in found["why"]
    assert jobs_left(cluster) == []


def test_without_the_sample_handlers_it_asks_for_a_job_type_and_submits_nothing(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    run = triage(cluster, "bench")
    assert (run.returncode, run.stdout) == (1, "")
    assert "triage: no worker knows the sample job type sync-data. Use --job with one of: " in run.stderr
    assert "http.request" in run.stderr
    assert jobs_left(cluster) == []
