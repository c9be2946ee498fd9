"""Metrics of real processes, recounted from the jobs once nothing moves."""

import subprocess
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import ROOT, Cluster, free_port
from tests.support.eventually import eventually_blocking
from tests.support.exposition import Series, series, total, value

PROMTOOL = ROOT / ".cache/prometheus/promtool"
FINISHED = "triage_jobs_finished_total"
FIXED = {"max_attempts": 2, "backoff": "fixed", "delay_seconds": 0.05, "jitter": 0}


def scrape(port: int) -> str:
    response = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert response.status_code == 200
    return response.text


def finished(page: Series) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for (name, labels), number in page.items():
        if name == FINISHED:
            outcomes[dict(labels)["outcome"]] += int(number)
    return +outcomes


def test_at_rest_every_metric_agrees_with_a_recount(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    port = free_port()
    cluster.start_worker(worker_port=port)
    jobs = [cluster.submit(payload={"do": "ok"}) for _ in range(7)]
    jobs += [cluster.submit(payload={"do": "fail"}, retry=FIXED) for _ in range(3)]
    jobs += [cluster.submit(payload={"do": "give_up"}, queue="bulk") for _ in range(2)]
    jobs += [cluster.submit(payload={"do": "fail_once"}, retry=FIXED)]
    jobs += [stubborn := cluster.submit(payload={"do": "swallow", "seconds": 0.5})]
    cluster.until(stubborn["id"], "running")
    # A run that outlasts the grace period is not counted: its result comes too late.
    cluster.http.post(f"/v1/jobs/{stubborn['id']}/cancel", json={"grace_seconds": 10})
    waiting = cluster.submit(delay_seconds=3600)
    ended = [cluster.until(job["id"], "succeeded", "dead", "cancelled") for job in jobs]

    def settled() -> Series:
        page = series(scrape(port))
        assert total(page, FINISHED) == sum(job["deliveries"] for job in ended)
        assert value(page, "triage_worker_running") == 0
        return page

    worker = eventually_blocking(settled)
    api = series(scrape(cluster.port))

    states = Counter(job["state"] for job in ended)
    retried = sum(job["deliveries"] - 1 for job in ended)
    assert states["cancelled"] == 1, "it returned, but the cancel came first"
    assert finished(worker) == {
        **{str(state): number for state, number in states.items()},
        "retried": retried,
    }
    runs = sum(job["deliveries"] for job in ended)
    assert total(worker, "triage_job_run_seconds_count") == runs
    assert total(worker, "triage_job_wait_seconds_count") == runs
    assert total(worker, "triage_job_total_seconds_count") == len(ended)
    assert total(worker, "triage_job_run_seconds_count", queue="bulk") == 2
    assert value(worker, "triage_worker_capacity") == 20
    assert value(worker, "triage_worker_stuck_slots") == 0
    unclaimed = value(worker, "triage_worker_unclaimed_seconds")
    assert unclaimed is not None
    assert 0 <= unclaimed < 30
    assert value(worker, "triage_stale_finishes_total") == 0
    dead = Counter((job["queue"], job["state_reason"]) for job in ended if job["state"] == "dead")
    shown = {
        (dict(labels)["queue"], dict(labels)["reason"]): n
        for (name, labels), n in api.items()
        if name == "triage_dlq_jobs" and n
    }
    assert shown == dead
    assert value(api, "triage_queue_jobs", queue=waiting["queue"], state="scheduled") == 1
    assert total(api, "triage_queue_jobs") == 1
    assert value(api, "triage_queue_workers", queue="bulk") == 1
    assert value(api, "triage_payload_bytes_count") == len(jobs) + 1


def test_the_pages_are_clean_by_prometheus_own_rules(cluster: Cluster) -> None:
    cluster.start_api()
    port = free_port()
    cluster.start_worker(worker_port=port)
    cluster.until(cluster.submit()["id"], "succeeded")
    if not PROMTOOL.exists():
        pytest.fail(f"{PROMTOOL} is missing: run `make promtool`.", pytrace=False)

    for page in (scrape(cluster.port), scrape(port)):
        checked = subprocess.run(
            [PROMTOOL, "check", "metrics"], input=page, text=True, capture_output=True, check=False
        )
        # The instrumentator's metrics are not ours to change.
        own = [line for line in checked.stderr.splitlines() if "triage_" in line]
        assert checked.returncode in (0, 3), checked.stderr
        assert own == []
