"""Limits over two real workers: nothing is exceeded, and nobody sleeps when a slot or a time has come."""

import time
from datetime import datetime
from itertools import pairwise

from tests.e2e.processes import Cluster


def start_times(cluster: Cluster, ids: list[str]) -> list[float]:
    times = [cluster.until(id, "succeeded")["started_at"] for id in ids]
    return sorted(datetime.fromisoformat(text).timestamp() for text in times)


def test_two_workers_keep_a_rate_and_wake_when_its_time_has_come(cluster: Cluster) -> None:
    cluster.start_api()
    for _ in range(2):
        cluster.start_worker()
    rate = {"limit": 5, "per_seconds": 1}
    assert cluster.http.patch("/v1/queues/default", json={"rate_limit": rate}).status_code == 200
    history = start_times(cluster, [cluster.submit()["id"] for _ in range(16)])
    for first, last in zip(history, history[5:], strict=False):
        assert last - first >= 0.999
    # Three windows, each begun as soon as it may: an idle worker that overslept would take 15 s.
    assert history[-1] - history[0] < 6


def test_a_freed_slot_of_a_key_is_used_at_once_by_either_worker(cluster: Cluster) -> None:
    cluster.start_api()
    for _ in range(2):
        cluster.start_worker()
    assert cluster.http.patch("/v1/queues/default", json={"per_key": {"max_concurrency": 1}}).is_success
    began = time.monotonic()
    ids = [cluster.submit(limit_key="acme", payload={"seconds": 0.2})["id"] for _ in range(8)]
    history = start_times(cluster, ids)
    for first, last in pairwise(history):
        assert last - first >= 0.2
    assert time.monotonic() - began < 8
