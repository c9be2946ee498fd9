"""A hostile tenant next to a quiet one.

`make chaos` also measures: a process repeats each attack for HOSTILE_SECONDS (20) against a server, and the
quiet tenant's p99 must at most double.
"""

import asyncio
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import structlog

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.tenant import Policy, Usage
from service.domain.worker import WorkerRecord
from service.store.namespace import Namespace
from service.store.redis.connect import memory_use
from service.store.redis.embedded import EmbeddedServer
from service.store.tenants.tenants import Tenants
from tests.api.client import Api
from tests.api.hostile import ATTACKS, HARD, QUOTAS
from tests.api.keys import authorization
from tests.api.resources import WORKER
from tests.e2e.processes import Cluster

log = structlog.get_logger("triage.tests")

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "20"))
#: Redis may grow by this much during an attack: the attacker's bytes, twice, and some buffers.
MOST_GROWTH = 12_000_000
#: A shorter p99 counts as this, in seconds: a single script of another tenant may take as long.
FLOOR = 0.02


@pytest.fixture
async def shared(store: Namespace) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    yield api
    await api.close()


async def prepare(redis: Any, namespace: str) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of the attacker and of the quiet tenant."""
    attacker = f"{namespace}-attacker"
    await Tenants(redis).create(attacker, Policy(QUOTAS), "")
    now = Clock().now_ms() + 600_000  # still alive at the end of the test
    record = WorkerRecord(WORKER, "host", 7, "0.1.0", {"default": 3}, ("hard",), "running", 1, 20, now, now)
    await Namespace(redis, attacker, 0).workers.register(record, [JobType("hard", payload_schema=HARD)])
    return await authorization(redis, attacker), await authorization(redis, namespace)


async def quiet_requests(http: httpx.AsyncClient, until: asyncio.Event) -> list[tuple[int, float]]:
    """Status and seconds of ordinary requests, one after another."""
    seen: list[tuple[int, float]] = []
    while not until.is_set() or not seen:
        for method, path, body in (("POST", "/v1/jobs", {"name": "work"}), ("GET", "/v1/jobs?limit=1", None)):
            began = time.perf_counter()
            response = await http.request(method, path, json=body)
            seen.append((response.status_code, time.perf_counter() - began))
    return seen


@pytest.mark.parametrize(("attack", "refusal"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_meets_a_bound_and_the_quiet_tenant_no_error(
    shared: Api, store: Namespace, attack: Any, refusal: str | None
) -> None:
    redis: Any = store.scripts.redis
    hostile, quiet = await prepare(redis, store.scripts.namespace)
    shared.http.headers.update(hostile)
    neighbour = httpx.AsyncClient(transport=shared.http._transport, base_url="http://triage", headers=quiet)
    [(before, _)] = (await memory_use(redis)).values()
    done = asyncio.Event()

    async def raid() -> Any:
        try:
            return await attack(shared.http)
        finally:
            done.set()

    refusals, seen = await asyncio.gather(raid(), quiet_requests(neighbour, done))
    assert {status for status, _ in seen} <= {200, 202}
    assert refusal is None or refusals[refusal] > 0, refusals
    [(after, _)] = (await memory_use(redis)).values()
    assert after - before < MOST_GROWTH
    usage = await Tenants(redis).usage(f"{store.scripts.namespace}-attacker")
    assert usage is not None
    for name in (field.name for field in dataclasses.fields(Usage)):
        limit = QUOTAS[name]
        assert limit is not None
        assert getattr(usage, name) <= limit


def p99(seen: list[tuple[int, float]]) -> float:
    return sorted(seconds for _, seconds in seen)[int(len(seen) * 0.99)]


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_the_quiet_tenants_p99_at_most_doubles(server_binary: Path, tmp_path: Path) -> None:
    from service.store.redis.connect import connect

    with EmbeddedServer(tmp_path / "data", server_binary) as server:
        redis = connect(server.url)
        hostile, quiet = await prepare(redis, "quiet")
        cluster = Cluster(tmp_path, server, auth="required")
        try:
            await asyncio.to_thread(cluster.start_api)
            url = f"http://127.0.0.1:{cluster.port}"
            async with httpx.AsyncClient(base_url=url, headers=quiet, timeout=60) as neighbour:
                await _measure(Attacker(url, hostile), neighbour)
        finally:
            await asyncio.to_thread(cluster.stop)
            await redis.aclose()


class Attacker:
    """Attacks from another process: in this one, its own work would delay the quiet tenant's requests."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers

    async def repeat(self, name: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.api.hostile", name, self._url, str(SECONDS)),
            stdin=asyncio.subprocess.PIPE,
            # Its CPU time is not what a tenant on another machine takes from the server.
            preexec_fn=lambda: os.nice(19),
        )
        await process.communicate(orjson.dumps(self._headers))
        assert process.returncode == 0, name


async def _measure(attacker: Attacker, neighbour: httpx.AsyncClient) -> None:
    slow: dict[str, tuple[float, float]] = {}
    for name in ATTACKS:
        alone = p99(await _during(neighbour, _pass_time()))
        seen = await _during(neighbour, attacker.repeat(name))
        assert {status for status, _ in seen} <= {200, 202}, name
        log.info("p99", attack=name, alone=round(alone, 4), during=round(p99(seen), 4), requests=len(seen))
        if p99(seen) > 2 * max(alone, FLOOR):
            slow[name] = (alone, p99(seen))
    assert slow == {}


async def _during(neighbour: httpx.AsyncClient, work: Any) -> list[tuple[int, float]]:
    done = asyncio.Event()

    async def finish() -> None:
        try:
            await work
        finally:
            done.set()

    _, seen = await asyncio.gather(finish(), quiet_requests(neighbour, done))
    return seen


async def _pass_time() -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), SECONDS)
