"""Redis loses acknowledged writes: in a failover to a replica without them, or in a power failure."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import Cluster, free_port
from tests.faults.client import starts, submit, submit_all, until
from tests.faults.proxy import Proxy
from tests.support import invariants
from tests.support.eventually import eventually, eventually_blocking


def audit(server: EmbeddedServer) -> None:
    """Check that indexes agree with jobs, once nothing moves."""

    async def check() -> None:
        redis = connect(server.url)
        try:
            store = Namespace(redis, "default", 0)
            await eventually(lambda: invariants.check(store), 15, 0.2)
        finally:
            await redis.aclose()

    asyncio.run(check())


@pytest.fixture
def replica(server: EmbeddedServer, server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    port = free_port()
    with Redis.from_url(server.url) as redis:
        client: Any = redis
        client.config_set("port", port)
    options = ["--replicaof", f"127.0.0.1 {port}"]
    with EmbeddedServer(tmp_path / "replica", server_binary, options) as replica:
        yield replica


def test_a_failover_that_loses_writes_wedges_nothing(
    cluster: Cluster, replica: EmbeddedServer, front: Proxy, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    worker = cluster.start_worker(redis_url=back.url)
    history = tmp_path / "history"
    kept = submit_all(cluster, history, 40)
    long = submit(cluster, 100, payload={"history": str(history), "seconds": 4})
    cluster.until(long, "running")
    with Redis.from_url(cluster.server.url) as redis:
        client: Any = redis
        # WAIT covers every write that its connection has sent so far.
        client.set("marker", 1)
        assert client.wait(1, 5_000) == 1
    with Redis.from_url(replica.url) as redis:
        client = redis
        client.replicaof("no", "one")
        # The old master accepts writes a moment longer, and they are lost with it.
        lost = [submit(cluster, number, payload={"history": str(history)}) for number in range(200, 205)]
        cluster.server.kill()
        for proxy in (front, back):
            proxy.lead_to(Path(replica.url.removeprefix("unix://")))

        def found() -> None:
            assert cluster.http.get(f"/v1/jobs/{lost[0]}").status_code == 404

        eventually_blocking(found, 20)
    for id in [*kept, long]:
        job = until(cluster, id, "succeeded")
        assert (job["failures"], job["crashes"]) == (0, 0), job
    assert set(starts(history)) >= {*kept, long}, "at least once"
    # A client that repeats its request gets a new job in place of the lost one.
    again = submit(cluster, 200, payload={"history": str(history)})
    assert again not in lost
    assert until(cluster, again, "succeeded")["deliveries"] == 1
    assert worker.poll() is None
    audit(replica)


def test_a_file_that_was_cut_off_in_a_power_failure_is_consistent(
    cluster: Cluster, server: EmbeddedServer, back: Proxy, tmp_path: Path
) -> None:
    cluster.start_api()
    cluster.start_worker(redis_url=back.url)
    history = tmp_path / "history"
    ids = submit_all(cluster, history, 60)
    (log,) = (tmp_path / "data").glob("appendonlydir/*.incr.aof")

    def written() -> None:
        assert log.stat().st_size > 40_000

    eventually_blocking(written)
    server.kill()
    with log.open("rb+") as file:
        file.truncate(log.stat().st_size - 4_096)
    server.start()
    for number, id in enumerate(ids):
        response = cluster.http.get(f"/v1/jobs/{id}")
        if response.status_code == 404:
            id = submit(cluster, number, payload={"history": str(history), "seconds": 0.05})
        assert until(cluster, id, "succeeded")["failures"] == 0
    audit(server)
