"""Workers and APIs are killed while jobs end: every end is delivered, signed, in order per resource."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.domain.webhook import CALLBACKS
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.tasks import end
from tests.e2e.fork_server import ForkedProcess
from tests.e2e.processes import Cluster, free_port
from tests.support import invariants
from tests.support.eventually import eventually
from tests.support.receiver import Received, Receiver, receiving, status

#: `WEBHOOK_ENDS=10000 pytest -s tests/faults/test_webhooks.py` is the long form; its receiver also fails.
ENDS = int(os.environ.get("WEBHOOK_ENDS", "40"))
LONG = ENDS > 1_000
#: A job dies, and runs again when its receiver hears of that: two ends of each.
JOBS = ENDS // 2
CLIENTS = 8
RECEIPTS_PER_KILL = 200

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(7_200 if LONG else 90)]


class Site:
    """APIs and workers that are killed and replaced, a receiver, and a client that works against them."""

    def __init__(self, cluster: Cluster, receiver: Receiver) -> None:
        self.cluster, self.receiver = cluster, receiver
        self.ports = [cluster.port, *([free_port()] if LONG else [])]
        self.processes: dict[str, ForkedProcess] = {}
        for number, port in enumerate(self.ports):
            self.start(f"api {number}", port=port)
        for number in range(2 if LONG else 1):
            self.start(f"worker {number}")
        self.http = httpx.AsyncClient(timeout=10)
        self.kills = Counter[str]()

    def start(self, name: str, **settings: Any) -> None:
        if name.startswith("api"):
            settings = {"port": self.ports[int(name.split()[1])]}
        self.processes[name] = self.cluster.start(name.split()[0], **settings)

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(10)
        self.kills[name.split()[0]] += 1
        self.start(name)

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
        """Repeat the request at each API until one of them responds."""
        headers = {"Idempotency-Key": key} if key else {}
        number = 0

        async def once() -> httpx.Response:
            nonlocal number
            number += 1
            url = f"http://127.0.0.1:{self.ports[number % len(self.ports)]}{path}"
            try:
                response = await self.http.request(method, url, json=body, headers=headers)
            except httpx.TransportError as error:
                raise AssertionError from error
            assert response.status_code != 503
            return response

        return await eventually(once, 120, 0.05)


@pytest.fixture
async def site(server_binary: Path, tmp_path: Path) -> AsyncIterator[Site]:
    server = EmbeddedServer(tmp_path / "data", server_binary)
    server.start()
    cluster = Cluster(tmp_path, server, http_allow="127.0.0.0/8", webhook_seconds=5 if LONG else 2)
    async with receiving() as receiver:
        site = Site(cluster, receiver)
        yield site
        await site.http.aclose()
    cluster.stop()
    server.stop()


async def submit(site: Site, numbers: range) -> list[str]:
    ids: list[str] = []
    for number in numbers:
        callback = {"url": site.receiver.url.replace("/events", "/callback")}
        body = {
            "name": "scripted", "payload": {"do": "give_up"}, "callback": callback, "retention_seconds": 3600,
        }  # fmt: skip
        response = await site.ask("POST", "/v1/jobs", body, f"job-{number}")
        assert response.status_code == 202, response.text
        ids.append(response.json()["id"])
    return ids


async def redrive(site: Site, id: str) -> None:
    response = await site.ask("POST", f"/v1/jobs/{id}/retry", {"payload": {"do": "ok"}})
    # 409: an earlier event of this end, or a request without a response, has done it.
    assert response.status_code in (202, 409), response.text


def by_line(receiver: Receiver) -> dict[tuple[str, str], list[Received]]:
    found: dict[tuple[str, str], list[Received]] = {}
    for received in receiver.received:
        found.setdefault((received.path, received.resource), []).append(received)
    return found


async def killing(site: Site, chance: random.Random) -> None:
    """Kill a process after every RECEIPTS_PER_KILL requests, once the APIs are ready again."""
    received = 0

    async def more() -> None:
        assert len(site.receiver.received) >= received + RECEIPTS_PER_KILL
        for port in site.ports:
            try:
                assert (await site.http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            except httpx.TransportError as error:
                raise AssertionError from error

    while True:
        received = len(site.receiver.received)
        await eventually(more, 300, 0.1)
        site.kill(chance.choice(list(site.processes)))


async def test_every_end_is_delivered_in_order_although_processes_are_killed(site: Site) -> None:
    receiver, chance = site.receiver, random.Random(7)
    for path, body in (("", {"url": receiver.url, "events": ["job.*"]}), (f"/{CALLBACKS}/rotate-secret", {})):
        created = await site.ask("POST", f"/v1/webhooks{path}", body)
        receiver.secrets.append(created.json()["secret"])
    redriven: dict[str, asyncio.Task[None]] = {}
    held = 0

    def respond(received: Received) -> bytes | None:
        nonlocal held
        if received.type == "job.dead" and received.resource not in redriven:
            redriven[received.resource] = asyncio.create_task(redrive(site, received.resource))
        if LONG:
            return status(500 if chance.random() < 0.01 else 204)
        # The first ones stay open, so that the worker dies in the middle of them.
        held += 1
        return None if held <= 5 else status(204)

    receiver.respond = respond
    began = time.monotonic()
    portions = [submit(site, range(start, JOBS, CLIENTS)) for start in range(CLIENTS)]
    work = asyncio.gather(*portions)
    killer = asyncio.create_task(killing(site, chance) if LONG else _kill_once(site))
    ids = [id for portion in await work for id in portion]

    async def all_arrived() -> None:
        for task in redriven.values():
            if task.done():
                task.result()
        lines = by_line(receiver)
        for path in ("/events", "/callback"):
            for id in ids:
                types = {received.type for received in lines.get((path, id), ())}
                assert types == {"job.dead", "job.succeeded"}, (path, id, types, site.cluster.logs())

    await eventually(all_arrived, 6_000 if LONG else 40, 1 if LONG else 0.05)
    await end([killer])
    await asyncio.gather(*redriven.values())
    await _check(site, ids, time.monotonic() - began)


async def _kill_once(site: Site) -> None:
    def begun() -> None:
        assert len(site.receiver.open) >= 2

    await eventually(begun, 30)
    site.kill("worker 0")
    site.kill("api 0")


async def _check(site: Site, ids: list[str], seconds: float) -> None:
    receiver = site.receiver
    assert set(site.kills) == {"worker", "api"}
    assert receiver.forged == 0
    assert not receiver.overlapped
    events = Counter(received.id for received in receiver.received)
    assert len(events) == 4 * len(ids), "an event was written twice"
    for line, received in by_line(receiver).items():
        versions = [one.body["data"]["version"] for one in received]
        assert versions == sorted(versions), (line, versions)
    redis = connect(site.cluster.server.url)
    store = Namespace(redis, "default", 0)

    async def settled() -> None:
        assert (await store.outbox.counts()).pending == 0

    await eventually(settled, 60)
    await invariants.check(store)
    await redis.aclose()
    repeated = sum(count - 1 for count in events.values())
    lines = [
        f"{2 * len(ids)} ends, {len(events)} events, each delivered at least once, in {seconds:.0f} s;",
        f"{repeated} repeated deliveries; killed: {dict(site.kills)}",
    ]
    sys.stderr.write(" ".join(lines) + "\n")
