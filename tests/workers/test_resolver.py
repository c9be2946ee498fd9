"""DNS lookups have their own threads, few of them, and a slow one never blocks other work for long."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from service.clock import Clock
from service.domain.webhook import new_secret
from tests.support.eventually import eventually
from workers.http.event_request import EventRequests, Reply
from workers.http.outbound_guard import Allowed, GuardedBackend, GuardedTransport
from workers.http.resolver import MAX_LOOKUPS, Resolver, resolver_of

pytestmark = pytest.mark.anyio
SECRET = new_secret(bytes)


class NameServer:
    """Blocks every lookup until the test releases it, and counts the lookups."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.go.wait(20)
        if host.startswith("unknown"):
            raise socket.gaierror("no such name")
        return [(0, 0, 0, "", ("192.0.2.1", port)), (0, 0, 0, "", ("192.0.2.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    names = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    yield names
    names.go.set()


async def given_up(resolver: Resolver, host: str) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await resolver.addresses(host, 80)


async def test_slow_lookups_leave_the_threads_of_the_loop_to_others(names: NameServer) -> None:
    backend = GuardedBackend(Allowed.parse(""), Resolver().addresses)
    calls = [
        asyncio.create_task(backend.connect_tcp(f"slow{n}.example", 80, timeout=0.3)) for n in range(100)
    ]
    # asyncio's default executor never has more than 32.
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
    for call in calls:
        with pytest.raises(httpcore.ConnectTimeout):
            await call
    assert len(names.asked) == MAX_LOOKUPS


async def test_lookups_for_handlers_use_these_threads(names: NameServer) -> None:
    """A handler in a thread runs however many lookups wait for a silent name server."""

    async def call(host: str) -> None:
        async with httpx.AsyncClient(
            transport=GuardedTransport(Allowed.parse(""), resolver_of("").addresses), timeout=0.5
        ) as http:
            with pytest.raises(httpx.ConnectTimeout):
                await http.get(f"http://{host}/")

    calls = [asyncio.create_task(call(f"slow{n}.example")) for n in range(100)]

    def full() -> None:
        assert len(names.asked) >= MAX_LOOKUPS

    await eventually(full)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
    await asyncio.gather(*calls)
    assert len(names.asked) == MAX_LOOKUPS


async def test_one_slow_host_takes_one_thread(names: NameServer) -> None:
    resolver = Resolver(2)
    slow = [asyncio.create_task(resolver.addresses("slow.example", 80)) for _ in range(50)]
    assert await asyncio.wait_for(resolver.addresses("fast.example", 80), 5) == ["192.0.2.1"]
    names.go.set()
    assert {tuple(found) for found in await asyncio.gather(*slow)} == {("192.0.2.1",)}
    assert sorted(names.asked) == ["fast.example", "slow.example"]


async def test_slots_come_back_when_the_threads_end(names: NameServer) -> None:
    resolver = Resolver(1)
    await given_up(resolver, "slow.example")
    await given_up(resolver, "waits.example")
    assert names.asked == ["slow.example"]
    names.go.set()
    assert await asyncio.wait_for(resolver.addresses("next.example", 80), 5) == ["192.0.2.1"]
    # A lookup whose callers have all given up never starts.
    assert names.asked == ["slow.example", "next.example"]


async def test_a_host_that_is_looked_up_repeatedly_keeps_its_one_thread(names: NameServer) -> None:
    resolver = Resolver(4)
    for _ in range(10):
        await given_up(resolver, "slow.example")
    assert names.asked == ["slow.example"]
    names.go.set()
    assert await asyncio.wait_for(resolver.addresses("slow.example", 80), 5) == ["192.0.2.1"]


async def test_an_unknown_name_is_an_error_and_frees_its_slot(names: NameServer) -> None:
    resolver = Resolver(1)
    for _ in range(3):
        with pytest.raises(OSError, match="no such name"):
            await resolver.addresses("unknown.example", 80)

    def forgotten() -> None:
        assert (resolver._lookups, resolver._waiting, resolver._running) == ({}, {}, set())

    await eventually(forgotten)


async def test_names_of_one_namespace_hold_up_no_other(names: NameServer) -> None:
    """A tenant may give the URLs of webhooks whose name server never responds."""

    async def post(namespace: str, host: str) -> Reply:
        requests = EventRequests("192.0.2.1", Clock(), 0.5, namespace)
        return await requests.send(f"http://{host}/", "del_1", (SECRET,), b"{}")

    hostile = [asyncio.create_task(post("hostile", f"slow{n}.example")) for n in range(20)]

    def full() -> None:
        assert len(names.asked) == MAX_LOOKUPS

    await eventually(full)
    await post("other", "fast.example")
    assert names.asked[-1] == "fast.example"
    await asyncio.gather(*hostile)
