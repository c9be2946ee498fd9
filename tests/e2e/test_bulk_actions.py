"""Bulk actions with real processes: when one is killed, another one does the rest, once."""

import signal
import time
from typing import Any

from redis import Redis

from service.store.redis import keys
from tests.e2e.processes import Cluster
from tests.support.eventually import eventually_blocking

JOBS = 2_000
RATE = 400


def queue(cluster: Cluster) -> dict[str, Any]:
    return cluster.http.get("/v1/queues/default").json()


def submit(cluster: Cluster, **fields: Any) -> None:
    jobs = [{"name": "scripted", **fields}] * 1_000
    for _ in range(JOBS // 1_000):
        assert cluster.http.post("/v1/jobs/bulk", json={"jobs": jobs}).status_code == 200


def pause(cluster: Cluster) -> None:
    """Queued jobs stay queued, so that they can be counted."""
    assert cluster.http.post("/v1/queues/default/pause").status_code == 200


def bury(cluster: Cluster) -> None:
    submit(cluster, payload={"do": "give_up"})

    def dead() -> None:
        assert queue(cluster)["dlq_depth"] == JOBS

    eventually_blocking(dead, 60)
    pause(cluster)


def test_dead_jobs_are_retried_once_at_their_rate_although_processes_are_killed(cluster: Cluster) -> None:
    api = cluster.start_api()
    victim = cluster.start_worker()
    cluster.start_worker()
    bury(cluster)
    body = {"filter": {"queue": "default", "reason": "non_retryable"}, "rate_per_second": RATE}
    began = time.monotonic()
    action = cluster.http.post("/v1/dlq/retry", json=body).json()
    path = f"/v1/bulk-actions/{action['id']}"

    def some() -> None:
        assert cluster.http.get(path).json()["counts"]["succeeded"] > 0

    eventually_blocking(some, 30)
    # In turn, so that the process that holds a batch is often among them.
    for process in (api, victim):
        process.send_signal(signal.SIGKILL)
        process.wait()
    cluster.start_api()

    def ended() -> dict[str, Any]:
        found = cluster.http.get(path, params={"wait": 0.2}).json()
        assert found["state"] == "succeeded", (found, cluster.logs())
        return found

    done = eventually_blocking(ended, 60)
    assert done["counts"] == {"matched": JOBS, "succeeded": JOBS, "skipped": 0}
    # The last batch is done as soon as those before it have had their time.
    assert time.monotonic() - began >= JOBS / RATE - 1
    assert (queue(cluster)["dlq_depth"], queue(cluster)["counts"]["queued"]) == (0, JOBS)


def test_workers_carry_out_a_bulk_action_that_the_api_only_accepted(cluster: Cluster) -> None:
    api = cluster.start_api()
    cluster.start_worker()
    pause(cluster)
    submit(cluster)
    body = {"action": "cancel", "filter": {"queue": "default"}, "rate_per_second": 500}
    action = cluster.http.post("/v1/bulk-actions", json=body).json()
    api.send_signal(signal.SIGKILL)
    api.wait()
    # The API is stopped, so read the action from Redis.
    prefix = keys.prefix("default")
    cancelled = keys.state(prefix, queue="default", state="cancelled")
    with Redis.from_url(cluster.server.url) as redis:

        def ended() -> None:
            assert redis.hget(keys.action(prefix, action=action["id"]), "state") == b"succeeded"
            assert redis.zcard(cancelled) == JOBS

        eventually_blocking(ended, 60)
