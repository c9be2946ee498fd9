"""A worker process of several namespaces: what it costs while idle, and how it ends."""

import os
import signal
import time
from typing import Any

import orjson
import pytest
from redis import Redis

from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.tenants.tenants import Tenants
from tests.e2e.processes import Cluster
from tests.support.eventually import eventually, eventually_blocking
from tests.support.factories import submit

pytestmark = pytest.mark.anyio

#: How long a worker may start, and how long it is then observed, in seconds.
SETTLE_SECONDS = 5.0
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "60"))


async def test_a_worker_process_runs_the_jobs_of_several_namespaces_and_hands_them_back(
    cluster: Cluster,
) -> None:
    redis = connect(cluster.server.url, socket_timeout=10)
    shop, team = (Namespace(redis, name, 0) for name in ("shop", "team-1"))
    await Tenants(redis).create("team-1", Policy(), "")
    payload = orjson.dumps({"seconds": 60})
    ids = [(store, await submit(store, name="scripted", payload=payload)) for store in (shop, team)]
    process = cluster.start("worker", namespaces="shop=3,team-*=1")

    async def running() -> None:
        for store, id in ids:
            job = await store.queries.job(id)
            assert job is not None
            assert job.state == "running", cluster.logs()

    await eventually(running, 30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, cluster.logs()
    for store, id in ids:
        job = await store.queries.job(id)
        assert job is not None
        assert (job.state, job.interruptions) == ("queued", 1)
        assert await store.workers.alive() == []
    await redis.aclose()


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 10, 50, 200])
def test_an_idle_worker_sends_few_commands(cluster: Cluster, count: int) -> None:
    names = [f"ns-{number}" for number in range(count)]
    cluster.start("worker", namespaces=",".join(names), lease_seconds=15)
    redis: Any
    with Redis.from_url(cluster.server.url) as redis:

        def registered() -> None:
            assert all(redis.zcard(f"triage:{{{name}}}:workers") for name in names), cluster.logs()

        eventually_blocking(registered, 30)
        sent, began = 0, time.monotonic() + SETTLE_SECONDS
        with redis.monitor() as monitor:
            while (now := time.monotonic()) < began + IDLE_SECONDS:
                # A call of a function counts, but not what it calls.
                sent += monitor.next_command()["client_type"] != "lua" and now > began
        rate = sent / IDLE_SECONDS
        assert rate < 1 + 0.1 * count, f"{rate:.2f} commands per second"
