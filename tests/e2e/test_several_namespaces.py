"""A worker process of several namespaces: what it costs while idle, and how it ends."""

import os
import signal
import time
from collections.abc import Callable
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

#: How long the idle worker is observed, in seconds.
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
@pytest.mark.parametrize("count", [2, 10, 50])
def test_an_idle_worker_sends_few_commands(
    cluster: Cluster, count: int, record_property: Callable[[str, object], None]
) -> None:
    names = [f"ns-{number}" for number in range(count)]
    cluster.start("worker", namespaces=",".join(names), lease_seconds=15)
    redis: Any
    with Redis.from_url(cluster.server.url) as redis:

        def registered() -> None:
            assert all(redis.zcard(f"triage:{{{name}}}:workers") for name in names), cluster.logs()

        eventually_blocking(registered, 30)

        own = str(redis.client_id())

        def sent() -> int:
            """Commands of the worker; a call of a function counts as one."""
            return sum(int(client["tot-cmds"]) for client in redis.client_list() if client["id"] != own)

        first = sent()
        began = time.monotonic()

        def observed() -> float:
            seconds = time.monotonic() - began
            assert seconds > IDLE_SECONDS
            return (sent() - first) / seconds

        rate = eventually_blocking(observed, IDLE_SECONDS + 10, 1)
        record_property("commands_per_second", round(rate, 2))
        assert rate < 1 + 0.2 * count
