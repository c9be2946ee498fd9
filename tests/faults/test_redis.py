"""Redis refuses commands: out of memory, read-only, without replicas, without room for connections."""

import time
from typing import Any

import httpx

from tests.e2e.processes import Cluster
from tests.faults.proxy import Proxy
from tests.support.eventually import eventually_blocking


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.json()["retryable"] is True


def post(cluster: Cluster, **fields: Any) -> httpx.Response:
    began = time.monotonic()
    response = cluster.http.post("/v1/jobs", json={"name": "scripted", **fields})
    assert time.monotonic() - began < 2.5
    return response


def goes_on(cluster: Cluster) -> None:
    def taken() -> dict[str, Any]:
        response = post(cluster)
        assert response.status_code == 202, response.text
        return response.json()

    assert cluster.until(eventually_blocking(taken, 10)["id"], "succeeded")["deliveries"] == 1


def test_a_full_redis_accepts_no_jobs_and_is_drained(cluster: Cluster, redis: Any, back: Proxy) -> None:
    cluster.start_api()
    queued = [cluster.submit()["id"] for _ in range(30)]
    doomed = cluster.submit(delay_seconds=3600)["id"]
    redis.config_set("maxmemory", "1mb")
    refused(post(cluster), 507, "storage_full")
    refused(
        cluster.http.post("/v1/flows", json={"name": "f", "jobs": {"a": {"job": {"name": "scripted"}}}}),
        507,
        "storage_full",
    )
    assert cluster.http.post(f"/v1/jobs/{doomed}/cancel").json()["state"] == "cancelled"
    for action in ("pause", "resume"):
        assert cluster.http.post(f"/v1/queues/default/{action}").status_code == 200
    # A worker announces itself, claims, finishes jobs, gets a drain request, and drains.
    worker = cluster.start_worker(redis_url=back.url)
    for id in queued:
        done = cluster.http.get(f"/v1/jobs/{id}", params={"wait": 10}).json()
        assert (done["state"], done["deliveries"]) == ("succeeded", 1)
    (row,) = cluster.workers()
    assert cluster.http.post(f"/v1/workers/{row['id']}/drain").status_code == 202
    assert worker.wait(10) == 0
    assert cluster.http.delete(f"/v1/jobs/{doomed}").status_code == 204
    redis.config_set("maxmemory", "0")
    cluster.start_worker()
    goes_on(cluster)


def test_a_read_only_redis_is_an_outage(cluster: Cluster, redis: Any, back: Proxy) -> None:
    api = cluster.start_api()
    worker = cluster.start_worker(redis_url=back.url)
    running = cluster.submit(payload={"seconds": 2})["id"]
    cluster.until(running, "running")
    redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    refused(post(cluster), 503, "backend_unavailable")
    redis.execute_command("REPLICAOF", "NO", "ONE")
    goes_on(cluster)
    assert cluster.until(running, "succeeded")["deliveries"] == 1
    assert (api.poll(), worker.poll()) == (None, None)


def test_a_redis_without_its_replicas_is_an_outage(cluster: Cluster, redis: Any, back: Proxy) -> None:
    cluster.start_api()
    worker = cluster.start_worker(redis_url=back.url)
    running = cluster.submit(payload={"seconds": 2})["id"]
    cluster.until(running, "running")
    redis.config_set("min-replicas-to-write", 1)
    refused(post(cluster), 503, "backend_unavailable")
    redis.config_set("min-replicas-to-write", 0)
    goes_on(cluster)
    assert cluster.until(running, "succeeded")["deliveries"] == 1
    assert worker.poll() is None


def test_revoked_rights_are_an_outage(cluster: Cluster, redis: Any, back: Proxy) -> None:
    cluster.start_api()
    worker = cluster.start_worker(redis_url=back.url)
    running = cluster.submit(payload={"seconds": 2})["id"]
    cluster.until(running, "running")
    redis.acl_setuser("operator", enabled=True, nopass=True, categories=["+@all"], keys=["*"], channels=["*"])
    redis.auth("", "operator")
    redis.execute_command("ACL", "SETUSER", "default", "-fcall", "-eval", "-evalsha")
    refused(post(cluster), 503, "backend_unavailable")
    redis.execute_command("ACL", "SETUSER", "default", "+fcall", "+eval", "+evalsha")
    goes_on(cluster)
    assert cluster.until(running, "succeeded")["deliveries"] == 1
    assert worker.poll() is None


def test_a_fan_out_that_fills_redis_is_continued_where_it_stopped(cluster: Cluster, redis: Any) -> None:
    cluster.start_api()
    template = {"name": "scripted", "payload": {"value": "x" * 500}, "queue": "bulk"}
    body = {"template": template, "sealed": False}
    fan_out = cluster.http.post("/v1/fan-outs", json=body).json()["id"]
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 2_000_000)

    def send(start: int) -> httpx.Response:
        items = [{"payload": {"number": number}} for number in range(start, start + 1_000)]
        return cluster.http.post(
            f"/v1/fan-outs/{fan_out}/items", json={"start_index": start, "items": items}, timeout=30
        )

    sent = 0
    while (response := send(sent)).status_code == 200:
        sent += 1_000
        assert sent < 20_000, "Redis never became full"
    refused(response, 507, "storage_full")
    stored = cluster.http.get(f"/v1/fan-outs/{fan_out}").json()
    assert stored["state"] == "open"
    assert sent <= stored["counts"]["total"] < sent + 1_000, "a chunk is added in batches"
    redis.config_set("maxmemory", "0")
    # Repeat the last accepted chunk: existing items are not added again.
    assert send(sent).json()["deduplicated"] == stored["counts"]["total"] - sent
    sealed = cluster.http.post(f"/v1/fan-outs/{fan_out}/seal", json={"expected_count": sent + 1_000})
    assert (sealed.status_code, sealed.json()["counts"]["total"]) == (200, sent + 1_000)


def test_a_redis_without_room_for_connections_delays_no_request(
    cluster: Cluster, redis: Any, front: Proxy
) -> None:
    cluster.start_api()
    redis.config_set("maxclients", 1)
    front.cut()
    response = post(cluster)
    # Without a key, a request that may have reached Redis before the cut must not be repeated.
    assert response.status_code == 503
    assert response.json()["retryable"] is (response.json()["code"] == "backend_unavailable")
    redis.config_set("maxclients", 1000)
    cluster.start_worker()
    goes_on(cluster)
