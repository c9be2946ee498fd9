"""Runs that do not end at once: their notice, their grace, and the slots and retries that wait for them."""

from pathlib import Path
from typing import Any

import httpx

from tests.e2e.processes import Cluster, free_port
from tests.support.eventually import eventually_blocking

HANDLERS = "tests.support.scripted,tests.workers.stoppable"


def test_a_cancel_reaches_every_kind_of_handler_with_its_reason_and_its_grace(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=HANDLERS, cancel_grace_seconds=0.2)
    names = ("in-loop", "in-thread", "in-process", "in-loop-of-process")
    jobs = [cluster.submit(name, payload={"seconds": 0.7}) for name in names]

    def lines(job: dict[str, Any]) -> list[str]:
        return [line["message"] for line in cluster.http.get(f"/v1/jobs/{job['id']}/logs").json()["items"]]

    for job in jobs:
        eventually_blocking(lambda job=job: _assert(lines(job) == ["begun"]), 20)
    for job in jobs:
        said = {"reason": "the customer left", "grace_seconds": 20}
        response = cluster.http.post(f"/v1/jobs/{job['id']}/cancel", json=said)
        assert response.status_code == 202
    for job in jobs:
        ended = cluster.until(job["id"], "cancelled", seconds=10)
        assert ended["cancel_message"] == "the customer left"
        assert lines(job) == ["begun", "cancelled: the customer left", "cleaned up"]


def test_the_next_job_starts_when_a_cancelled_thread_has_ended(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=HANDLERS, concurrency=1)
    slow = {"history": str(tmp_path / "history"), "seconds": 1.0}
    # One stops within its grace, one some time after it.
    for name, payload in (("in-thread", {}), ("slow-thread", slow)):
        job = cluster.submit(name, payload=payload)
        cluster.until(job["id"], "running")
        response = cluster.http.post(f"/v1/jobs/{job['id']}/cancel", json={"grace_seconds": 0.3})
        assert response.status_code == 202
        assert cluster.until(job["id"], "cancelled", seconds=5)["state_reason"] == "requested"
        cluster.until(cluster.submit()["id"], "succeeded", seconds=5)


def test_retries_wait_for_threads_past_their_timeout_and_the_worker_lives(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start_api()
    worker = cluster.start_worker(handlers=HANDLERS, concurrency=2, cancel_grace_seconds=0.1)
    retry = {"max_attempts": 2, "delay_seconds": 0.05, "jitter": 0}
    jobs = {
        tmp_path / name: cluster.submit(
            "slow-thread",
            payload={"history": str(tmp_path / name), "seconds": 1.2},
            # Long enough for a thread to begin on a loaded machine.
            timeout_seconds=0.5,
            retry=retry,
        )
        for name in ("first", "second")
    }
    for history, job in jobs.items():
        assert cluster.until(job["id"], "dead", seconds=10)["state_reason"] == "exhausted"
        marks = history.read_text().split()
        assert marks[:3] == ["start", "end", "start"]
    cluster.until(cluster.submit()["id"], "succeeded", seconds=5)
    assert worker.poll() is None


def test_a_worker_without_free_slots_is_not_ready_and_exits_after_a_while(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start_api()
    port = free_port()
    bound = {"cancel_grace_seconds": 0.1, "stuck_threads_seconds": 1.5, "drain_seconds": 0.1}
    worker = cluster.start_worker(handlers=HANDLERS, concurrency=1, worker_port=port, **bound)
    payload = {"history": str(tmp_path / "history"), "seconds": 60}
    job = cluster.submit("slow-thread", payload=payload, timeout_seconds=0.1, retry={"delay_seconds": 60})

    def unready() -> None:
        response = httpx.get(f"http://127.0.0.1:{port}/readyz")
        assert response.status_code == 503
        assert response.json()["problem"] == "every slot is held by a run that does not end"

    eventually_blocking(unready)
    assert worker.poll() is None
    assert cluster.job(job["id"])["state"] == "running"
    assert worker.wait(15) == 0
    assert cluster.logs().count("all_slots_are_stuck") == 1
    ended = cluster.job(job["id"])
    assert (ended["state"], ended["failures"], ended["error"]["type"]) == ("retrying", 1, "TimeoutError")


def _assert(condition: bool) -> None:
    assert condition
