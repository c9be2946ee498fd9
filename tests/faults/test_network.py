"""The network loses replies, is slow, mute or cut: no job is lost or runs twice, and no process hangs."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.processes import Cluster
from tests.faults.client import JOBS, all_succeeded, ran_once, submit, submit_all
from tests.faults.proxy import Proxy
from tests.support.eventually import eventually_blocking


def test_lost_replies_neither_lose_nor_repeat_anything(
    cluster: Cluster, front: Proxy, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    workers = [cluster.start_worker(redis_url=back.url) for _ in range(2)]
    with front.weather(lose_reply=5), back.weather(lose_reply=7):
        ids = submit_all(cluster, tmp_path / "history")
        eventually_blocking(lambda: all_succeeded(cluster, ids), 30)
    assert min(front.lost, back.lost) > 5
    ran_once(cluster, ids, tmp_path / "history")
    assert [worker.poll() for worker in workers] == [None, None]


def test_connections_that_are_killed_again_and_again_lose_nothing(
    cluster: Cluster, front: Proxy, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    cluster.start_worker(redis_url=back.url)
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(submit_all, cluster, tmp_path / "history")

        def cut() -> None:
            front.cut()
            back.cut()
            assert submitted.done()

        eventually_blocking(cut, 60, 0.03)
        ids = submitted.result()
    ran_once(cluster, ids, tmp_path / "history")


def lease_until(cluster: Cluster, id: str) -> datetime:
    reasons = cluster.http.get(f"/v1/jobs/{id}/explain").json()["reasons"]
    return datetime.fromisoformat(reasons[0]["lease_until"])


def test_a_slow_network_costs_time_and_no_leases(
    cluster: Cluster, front: Proxy, back: Proxy, tmp_path: Path
) -> None:
    # The time limit of a heartbeat is a quarter of the lease, and must leave room for a loaded machine.
    cluster.environment["TRIAGE_LEASE_SECONDS"] = "6"
    cluster.start_api()
    cluster.start_worker(redis_url=back.url)
    history, released = tmp_path / "history", tmp_path / "released"
    with back.weather(latency=(0.05, 0.2)):
        payload = {"do": "wait", "value": str(released), "history": str(history)}
        long = submit(cluster, JOBS, payload=payload)
        cluster.until(long, "running")
        first = lease_until(cluster, long)
        ids = submit_all(cluster, history, 20)

        def outlasted() -> None:
            assert lease_until(cluster, long) >= first + timedelta(seconds=6)

        eventually_blocking(outlasted, 30)
        released.touch()
        ran_once(cluster, [*ids, long], history)


def test_replies_that_come_byte_by_byte_are_understood(
    cluster: Cluster, front: Proxy, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    cluster.start_worker(redis_url=back.url)
    with front.weather(sliced=True), back.weather(sliced=True):
        ids = submit_all(cluster, tmp_path / "history", 20)
        ran_once(cluster, ids, tmp_path / "history")


def test_the_api_notices_a_mute_network_in_time(cluster: Cluster, front: Proxy) -> None:
    cluster.start_api()
    with front.weather(silence=True):
        began = time.monotonic()
        response = cluster.http.post("/v1/jobs", json={"name": "scripted"})
        assert time.monotonic() - began < 2.5
        assert response.status_code == 503
        assert response.json()["code"] in ("outcome_unknown", "backend_unavailable")
        assert response.headers["retry-after"]
    eventually_blocking(lambda: cluster.submit(), 10)


def test_workers_behind_a_mute_network_lose_their_jobs_to_others_and_come_back(
    cluster: Cluster, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    cut_off = cluster.start_worker(redis_url=back.url)
    history = tmp_path / "history"
    id = submit(cluster, 0, payload={"history": str(history), "seconds": 8})
    cluster.until(id, "running")
    with back.weather(silence=True):
        other = cluster.start_worker()

        def taken_over() -> None:
            job = cluster.job(id)
            assert (job["deliveries"], job["crashes"], job["failures"]) == (2, 0, 0), job

        eventually_blocking(taken_over, 20)
    other.send_signal(signal.SIGTERM)
    assert other.wait(15) == 0
    assert cluster.until(id, "succeeded", seconds=40)["failures"] == 0
    assert cut_off.poll() is None, "a worker exited because of a partition"
    again = submit(cluster, 1)
    assert cluster.until(again, "succeeded")["deliveries"] == 1


def test_a_worker_behind_a_mute_network_exits_on_request(cluster: Cluster, back: Proxy) -> None:
    cluster.start_api()
    worker = cluster.start_worker(redis_url=back.url)
    id = cluster.submit(payload={"seconds": 60})["id"]
    cluster.until(id, "running")
    with back.weather(silence=True):
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
    cluster.start_worker()
    eventually_blocking(lambda: _again(cluster, id), 20)


def _again(cluster: Cluster, id: str) -> None:
    job = cluster.job(id)
    assert (job["state"], job["deliveries"], job["failures"]) == ("running", 2, 0), job


def test_flushing_scripts_all_the_time_has_no_visible_effect(
    cluster: Cluster, redis: Any, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    cluster.start_worker(redis_url=back.url)
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(submit_all, cluster, tmp_path / "history")

        def flush() -> None:
            redis.function_flush()
            assert submitted.done()

        eventually_blocking(flush, 60, 0.01)
        ids = submitted.result()
    ran_once(cluster, ids, tmp_path / "history")
