"""Workers that are killed, stopped, frozen or crashed by their jobs."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import Cluster, free_port
from tests.support.eventually import eventually_blocking


def starts(history: Path, id: str) -> list[str]:
    lines = history.read_text().splitlines() if history.exists() else []
    return [line for line in lines if line.startswith(f"start {id} ")]


@pytest.mark.long
def test_ten_deploys_do_not_harm_a_long_job_with_one_attempt(cluster: Cluster) -> None:
    cluster.start_api()
    id = cluster.submit(payload={"seconds": 3}, retry={"max_attempts": 1})["id"]
    for round in range(10):
        worker = cluster.start_worker()
        cluster.until(id, "running")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
        job = cluster.job(id)
        assert (job["state"], job["interruptions"], job["failures"]) == ("queued", round + 1, 0)
    assert cluster.workers() == []
    cluster.start_worker()
    job = cluster.until(id, "succeeded")
    assert (job["attempt"], job["failures"], job["crashes"], job["deliveries"]) == (1, 0, 0, 11)


def test_a_second_signal_hands_back_at_once(cluster: Cluster) -> None:
    cluster.start_api()
    worker = cluster.start_worker(drain_seconds=60)
    id = cluster.submit(payload={"seconds": 50})["id"]
    cluster.until(id, "running")
    worker.send_signal(signal.SIGTERM)
    eventually_blocking(lambda: _assert(cluster.workers()[0]["state"] == "draining"), 10)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert cluster.job(id)["state"] == "queued"


def test_sigterm_after_a_drain_request_leaves_running_jobs_their_time(cluster: Cluster) -> None:
    """Kubernetes runs preStop, which calls /drain, and then sends SIGTERM."""
    port = free_port()
    cluster.start_api()
    worker = cluster.start_worker(drain_seconds=20, worker_port=port)
    id = cluster.submit(payload={"seconds": 2})["id"]
    cluster.until(id, "running")
    for _ in range(2):
        assert httpx.post(f"http://127.0.0.1:{port}/drain").status_code == 202
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert (cluster.job(id)["state"], cluster.job(id)["deliveries"]) == ("succeeded", 1)


def test_short_jobs_end_within_the_drain(cluster: Cluster) -> None:
    cluster.start_api()
    worker = cluster.start_worker(drain_seconds=20)
    id = cluster.submit(payload={"seconds": 1})["id"]
    cluster.until(id, "running")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert (cluster.job(id)["state"], cluster.job(id)["deliveries"]) == ("succeeded", 1)


def test_poison_is_buried_and_its_neighbours_live(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    neighbours = [cluster.submit(payload={"seconds": 2})["id"] for _ in range(4)]
    for id in neighbours:
        cluster.until(id, "running")
    poison = cluster.submit(payload={"do": "exit"})["id"]
    eventually_blocking(lambda: _assert(cluster.processes[1].poll() == 9), 10)
    cluster.start_worker()
    job = cluster.until(poison, "dead")
    assert (job["state_reason"], job["crashes"], job["failures"]) == ("poison", 3, 0)
    for id in neighbours:
        job = cluster.until(id, "succeeded")
        assert (job["crashes"], job["failures"]) == (0, 0)
    assert cluster.processes[2].poll() is None


def test_a_zombie_cannot_finish_what_was_rescued_from_it(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    zombie = cluster.start_worker()
    id = cluster.submit(payload={"seconds": 4, "history": str(tmp_path / "history")})["id"]
    cluster.until(id, "running")
    zombie.send_signal(signal.SIGSTOP)
    cluster.start_worker()
    job = cluster.until(id, "succeeded")
    zombie.send_signal(signal.SIGCONT)
    eventually_blocking(
        lambda: _assert("lease_lost" in cluster.logs() or "finish_refused" in cluster.logs()), 10
    )
    assert cluster.job(id)["version"] == job["version"]
    assert (job["crashes"], job["deliveries"]) == (0, 2)


def test_a_blocked_event_loop_keeps_its_leases_and_in_the_end_exits(
    cluster: Cluster,
) -> None:
    cluster.start_api()
    worker = cluster.start_worker()
    neighbour = cluster.submit(payload={"seconds": 60}, retry={"max_attempts": 1})["id"]
    cluster.until(neighbour, "running")
    blocked = cluster.submit(
        payload={"do": "block", "seconds": 300}, timeout_seconds=5, retry={"max_attempts": 1}
    )
    assert worker.wait(30) == 70
    job = cluster.job(blocked["id"])
    assert (job["state"], job["crashes"], job["error"]["type"]) == ("dead", 0, "TimeoutError")
    job = cluster.job(neighbour)
    assert (job["state"], job["interruptions"], job["failures"], job["crashes"]) == ("queued", 1, 0, 0)


def _assert(condition: bool) -> None:
    assert condition
