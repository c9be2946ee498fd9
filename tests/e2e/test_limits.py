"""Limits over two real workers: none is exceeded, and no worker oversleeps a free slot or a due time."""

import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.e2e.processes import Cluster
from tests.support.eventually import eventually_blocking


def start_times(cluster: Cluster, ids: list[str]) -> list[float]:
    times = [cluster.until(id, "succeeded")["started_at"] for id in ids]
    return sorted(datetime.fromisoformat(text).timestamp() for text in times)


def test_two_workers_keep_a_rate_and_wake_on_time(cluster: Cluster) -> None:
    cluster.start_api()
    for _ in range(2):
        cluster.start_worker()
    rate = {"limit": 5, "per_seconds": 1}
    assert cluster.http.patch("/v1/queues/default", json={"rate_limit": rate}).status_code == 200
    history = start_times(cluster, [cluster.submit()["id"] for _ in range(16)])
    for first, last in zip(history, history[5:], strict=False):
        assert last - first >= 0.999
    # Three windows, each begun as soon as possible: an idle worker that overslept would take 15 s.
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
        # Times are whole milliseconds of Redis' clock, while the run is measured by another one.
        assert last - first >= 0.198
    assert time.monotonic() - began < 8


def test_a_rate_limited_handler_stops_its_key_on_both_workers(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    for _ in range(2):
        cluster.start_worker()
    payload = {"do": "rate_limited_once", "seconds": 2, "history": str(tmp_path / "history")}
    told = cluster.submit(limit_key="acme", payload=payload)["id"]
    eventually_blocking(lambda: _exists(tmp_path / "history.limited"), 20)
    # The call that returns the job to its queue closes the key.
    cluster.until(told, "queued")
    at = time.monotonic()
    ids = [told, *(cluster.submit(limit_key="acme")["id"] for _ in range(3))]
    cluster.until(cluster.submit(limit_key="other")["id"], "succeeded")
    assert time.monotonic() - at < 1.9
    history = start_times(cluster, ids)
    assert cluster.job(told)["attempt"] == 1
    assert history[0] == datetime.fromisoformat(cluster.job(told)["started_at"]).timestamp()
    assert time.monotonic() - at >= 1


def _exists(path: Path) -> None:
    assert path.exists()


def test_a_type_with_its_own_concurrency_leaves_the_other_slots_free(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start_api()
    for _ in range(2):
        cluster.start_worker(concurrency=5)
    path = tmp_path / "history"
    payload = {"history": str(path), "seconds": 0.5}
    narrow = [cluster.submit("scripted_narrow", payload=payload)["id"] for _ in range(8)]
    wide = [cluster.submit()["id"] for _ in range(20)]
    for id in wide:
        cluster.until(id, "succeeded")
    assert any(cluster.job(id)["state"] != "succeeded" for id in narrow)
    for id in narrow:
        cluster.until(id, "succeeded")
    running: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        what, _, _, process = line.split()
        running[process] += 1 if what == "start" else -1
        assert running[process] <= 1
    assert len(running) == 2


def test_two_workers_share_their_starts_by_the_weights_of_their_queues(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start_api()
    path = tmp_path / "history"
    weights = {"critical": 6, "default": 3, "bulk": 1}
    queue_of: dict[str, str] = {}
    for queue in weights:
        assert cluster.http.post(f"/v1/queues/{queue}/pause").is_success
        for _ in range(60):
            queue_of[cluster.submit(queue=queue, payload={"history": str(path)})["id"]] = queue
    queues = ",".join(f"{queue}={weight}" for queue, weight in weights.items())
    for _ in range(2):
        cluster.start_worker(concurrency=1, queues=queues)
    for queue in reversed(weights):
        assert cluster.http.post(f"/v1/queues/{queue}/resume").is_success
    for id in queue_of:
        cluster.until(id, "succeeded")
    starts = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("start")]
    # The queues were resumed one after the other; count only the starts since all of them had work.
    first = next(number for number, id in enumerate(starts) if queue_of[id] == "critical")
    taken = Counter(queue_of[id] for id in starts[first : first + 80])
    assert taken.total() == 80
    for queue, weight in weights.items():
        assert abs(taken[queue] - 8 * weight) <= 4, taken
