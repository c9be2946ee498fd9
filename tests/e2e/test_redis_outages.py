"""Redis is killed, restarted, or frozen under running processes."""

import os
import signal
import time
from typing import Any

import pytest
from redis import Redis

from tests.e2e.processes import LEASE_SECONDS, Cluster
from tests.support.eventually import eventually_blocking


@pytest.fixture(autouse=True)
def _sync_always(cluster: Cluster) -> None:
    """Otherwise a kill loses what Redis acknowledged while a sync lagged behind (SURVIVES_KILLS)."""
    with Redis.from_url(cluster.server.url) as redis:
        client: Any = redis
        client.config_set("appendfsync", "always")


def test_a_killed_redis_loses_nothing_and_everything_resumes(cluster: Cluster) -> None:
    api = cluster.start_api()
    worker = cluster.start_worker()
    long = cluster.submit(payload={"seconds": 3})["id"]
    cluster.until(long, "running")
    waiting = [cluster.submit(delay_seconds=2)["id"] for _ in range(20)]
    cluster.server.kill()
    began = time.monotonic()
    response = cluster.http.post("/v1/jobs", json={"name": "scripted"})
    assert time.monotonic() - began < 2.5
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["code"] == "backend_unavailable"
    assert cluster.http.get("/livez").status_code == 200
    assert cluster.http.get("/readyz").status_code == 503
    cluster.server.start()
    for id in [long, *waiting]:
        job = cluster.until(id, "succeeded")
        assert (job["failures"], job["crashes"], job["deliveries"]) == (0, 0, 1)
    assert (api.poll(), worker.poll()) == (None, None)


def test_an_outage_longer_than_the_lease_runs_nothing_twice(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    cluster.start_worker()
    ids = [cluster.submit(payload={"seconds": LEASE_SECONDS * 3})["id"] for _ in range(10)]
    for id in ids:
        cluster.until(id, "running")
    os.kill(cluster.server.pid, signal.SIGSTOP)
    ended = time.monotonic() + LEASE_SECONDS * 2

    def over() -> None:
        assert time.monotonic() > ended

    eventually_blocking(over, 30)
    os.kill(cluster.server.pid, signal.SIGCONT)
    for id in ids:
        job = cluster.until(id, "succeeded")
        assert (job["crashes"], job["deliveries"]) == (0, 1)


def test_a_worker_drains_while_redis_is_unreachable(cluster: Cluster) -> None:
    cluster.start_api()
    worker = cluster.start_worker()
    id = cluster.submit(payload={"seconds": 60})["id"]
    cluster.until(id, "running")
    cluster.server.kill()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    cluster.server.start()
    cluster.start_worker()
    eventually_blocking(lambda: _again(cluster, id), 20)


def _again(cluster: Cluster, id: str) -> None:
    job = cluster.job(id)
    assert (job["state"], job["deliveries"], job["failures"]) == ("running", 2, 0), job
