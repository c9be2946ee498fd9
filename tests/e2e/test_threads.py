"""Functions in threads, which nothing can stop: slots come back, workers live on, and no retry overlaps."""

from pathlib import Path

from tests.e2e.processes import Cluster

HANDLERS = "tests.scripted,tests.workers.told"


def test_the_next_job_starts_when_a_cancelled_thread_has_ended(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    cluster.start_worker(handlers=HANDLERS, concurrency=1)
    slow = {"history": str(tmp_path / "history"), "seconds": 1.0}
    # One obeys within its grace, one ends some time after it.
    for name, payload in (("in-thread", {}), ("slow-thread", slow)):
        job = cluster.submit(name, payload=payload)
        cluster.until(job["id"], "running")
        answer = cluster.http.post(f"/v1/jobs/{job['id']}/cancel", json={"grace_seconds": 0.3})
        assert answer.status_code == 202
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
            payload={"history": str(tmp_path / name), "seconds": 0.9},
            timeout_seconds=0.1,
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
