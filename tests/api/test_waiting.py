"""Requests that wait: over one connection, limited per key, and ended when their client disconnects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.api.auth import credentials
from service.api.requests import long_polls
from service.api.requests.stream_limits import Places
from service.api.resources.streams import event_streams
from service.api.responses.errors import TooManyWaiters, TooManyWaitersOfKey
from service.domain.errors import BackendUnavailable
from service.store.changes.subscriber import Subscriber
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.keys import ACCESS_PREFIX, access_key
from service.store.tenants.access_keys import AccessKeys
from service.tasks import within
from tests.api.client import Api, problem
from tests.api.document import OPERATIONS, Operation
from tests.api.issuer import Issuer, claims, issuing, sign
from tests.api.keys import authorization
from tests.api.resources import make
from tests.api.running import Running, serve
from tests.support.eventually import eventually
from tests.support.factories import DAY, submit

WAITS = [
    operation
    for operation in OPERATIONS
    if any(row["name"] == "wait" for row in operation.parameters("query"))
]
NAMESPACES = 60


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


async def pubsub_connections(store: Namespace) -> int:
    client: Any = store.scripts.redis
    return len(await client.client_list(_type="pubsub"))


async def test_many_namespaces_wait_over_one_connection(redis_url: str, store: Namespace) -> None:
    """Each waiter once held one of the pool's fifty connections for half a minute longer than it waited."""
    redis, names = store.scripts.redis, [f"{store.scripts.namespace}-{n}" for n in range(NAMESPACES)]
    async with (
        serve(redis_url, store.scripts.namespace, auth="required") as running,
        running.client() as http,
    ):
        headers = [await authorization(redis, name) for name in names]
        before = await pubsub_connections(store)

        async def wait(header: dict[str, str]) -> httpx.Response:
            job = (await http.post("/v1/jobs", json={"name": "work"}, headers=header)).json()
            return await http.get(f"/v1/jobs/{job['id']}", params={"wait": 20}, headers=header)

        polls = [asyncio.create_task(wait(header)) for header in headers]

        def all_wait() -> None:
            assert (
                sum(
                    namespace_state.namespace.change_feed._count
                    for namespace_state in running.app_state.namespace_states.values()
                )
                == NAMESPACES
            )

        await eventually(all_wait, 30)
        assert await pubsub_connections(store) - before == 1
        lists = await asyncio.gather(*(http.get("/v1/jobs", headers=header) for header in headers))
        assert {response.status_code for response in lists} == {200}
        jobs = [response.json()["items"][0]["id"] for response in lists]
        for id, header in zip(jobs, headers, strict=True):
            await http.post(f"/v1/jobs/{id}/cancel", headers=header)
        responses = await asyncio.gather(*polls)
        assert {response.json()["state"] for response in responses} == {"cancelled"}
    for name in names:
        async for key in redis.scan_iter(match=f"triage:{{{name}}}:*", count=1000):
            await redis.unlink(key)


async def hang_up(running: Running, request: bytes) -> None:
    """Send a request that waits, and disconnect once it does."""
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(request)

    def waits() -> None:
        assert running.app_state.waiters.count == 1

    await eventually(waits)
    writer.transport.abort()

    def gone() -> None:
        assert running.app_state.waiters.count == 0
        assert not running.app_state.subscriber._channels or all(
            not namespace_state.namespace.change_feed.watched
            for namespace_state in running.app_state.namespace_states.values()
        )

    # Well before the wait would have ended.
    await eventually(gone, 5)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disables the polling of waits: the test notices only what wakes them."""
    monkeypatch.setattr(long_polls, "CHECK_SECONDS", 60.0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("operation", WAITS, ids=lambda operation: operation.id)
async def test_a_client_that_hangs_up_frees_its_slot_at_once(
    running: Running, store: Namespace, operation: Operation
) -> None:
    address = operation.address(**await make(store, operation))
    if operation.id == "get_bulk_action":
        id = await paused_action(running)
        address = operation.address(action_id=id)
    await hang_up(running, f"GET {address}?wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


async def paused_action(running: Running) -> str:
    async with running.client() as http:
        await http.post("/v1/jobs", json={"name": "work"})
        body = {"action": "cancel", "filter": {"queue": "default"}, "rate_per_second": 0.001}
        action = (await http.post("/v1/bulk-actions", json=body)).json()
        await http.post(f"/v1/bulk-actions/{action['id']}/pause")
        return action["id"]


@pytest.mark.usefixtures("unchecked")
async def test_a_client_that_hangs_up_after_a_submission_frees_its_slot(running: Running) -> None:
    head = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=30\r\n"
    )
    body = b'{"name":"work"}'
    await hang_up(running, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def test_one_key_does_not_take_all_slots(redis_url: str, store: Namespace) -> None:
    path, redis = f"/v1/jobs/{await submit(store)}", store.scripts.redis
    async with (
        serve(redis_url, store.scripts.namespace, auth="required") as running,
        running.client() as http,
    ):
        running.app_state.waiters.most_of_holder = 2
        greedy, modest = [await authorization(redis, store.scripts.namespace) for _ in range(2)]
        polls = [asyncio.create_task(http.get(f"{path}?wait=20", headers=greedy)) for _ in range(2)]

        def waiting_now() -> None:
            assert running.app_state.waiters.count == 2

        await eventually(waiting_now)
        refused = await within(5, http.get(f"{path}?wait=20", headers=greedy))
        assert problem(refused, 429, "too_many_waiters")["retryable"]
        assert refused.headers["retry-after"] == "1"
        assert (await http.get(path, headers=greedy)).status_code == 200
        assert (await http.get(f"{path}?wait=0.01", headers=modest)).status_code == 200
        running.app_state.waiters.most = 2
        problem(await http.get(f"{path}?wait=1", headers=modest), 503, "too_many_waiters")
        await store.jobs.cancel([path.removeprefix("/v1/jobs/")], 0)
        assert {response.status_code for response in await asyncio.gather(*polls)} == {200}
        assert running.app_state.waiters.count == 0


def test_slots_are_counted_for_each_subject_of_a_namespace() -> None:
    places = Places(5, 1, TooManyWaiters, TooManyWaitersOfKey)
    for holder in (("a", "jwt:x"), ("b", "jwt:x"), ("a", "jwt:y"), ("a", None), ("a", None)):
        places.take(holder)
    with pytest.raises(TooManyWaiters):
        places.take(("c", "jwt:x"))
    places.give_back(("a", "jwt:y"))
    with pytest.raises(TooManyWaitersOfKey, match="limit 1"):
        places.take(("b", "jwt:x"))
    assert places.count == 4


async def test_a_subject_has_its_own_slots_in_each_namespace(
    redis_url: str, store: Namespace, issuer: Issuer
) -> None:
    """Issuers give the same subject to people of different tenants."""
    own, other = (f"{store.scripts.namespace}{suffix}" for suffix in ("", "-other"))
    async with (
        serve(redis_url, own, **issuer.settings) as running,
        running.client() as http,
        contextlib.AsyncExitStack() as open_streams,
    ):
        running.app_state.streams.most_of_holder = running.app_state.waiters.most_of_holder = 1
        headers = [{"Authorization": f"Bearer {sign(claims(name, sub='alice'))}"} for name in (own, other)]
        body = {"name": "work"}
        made = [(await http.post("/v1/jobs", json=body, headers=header)).json()["id"] for header in headers]
        polls: list[asyncio.Task[httpx.Response]] = []
        for id, header in zip(made, headers, strict=True):
            stream = http.stream("GET", f"/v1/jobs/{id}/events", headers=header)
            assert (await open_streams.enter_async_context(stream)).status_code == 200
            polls.append(asyncio.create_task(http.get(f"/v1/jobs/{id}?wait=20", headers=header)))

        def all_wait() -> None:
            assert (running.app_state.waiters.count, running.app_state.streams.count) == (2, 2)

        await eventually(all_wait)
        refused = await within(5, http.get(f"/v1/jobs/{made[0]}/events", headers=headers[0]))
        problem(refused, 429, "too_many_streams")
        problem(await http.get(f"/v1/jobs/{made[0]}?wait=1", headers=headers[0]), 429, "too_many_waiters")
        for id, header in zip(made, headers, strict=True):
            await http.post(f"/v1/jobs/{id}/cancel", headers=header)
        assert {response.status_code for response in await asyncio.gather(*polls)} == {200}
    async for key in store.scripts.redis.scan_iter(match=f"triage:{{{other}}}:*", count=1000):
        await store.scripts.redis.unlink(key)


@pytest.mark.parametrize(
    ("revoked", "status", "code"), [(True, 401, "unauthenticated"), (False, 403, "scope_missing")]
)
async def test_a_key_that_may_no_longer_read_ends_its_waits_and_streams(
    redis_url: str, store: Namespace, monkeypatch: pytest.MonkeyPatch, revoked: bool, status: int, code: str
) -> None:
    monkeypatch.setattr(credentials, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(long_polls, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(event_streams, "StreamTiming", lambda: events_timing)
    id = await submit(store)
    async with (
        serve(redis_url, store.scripts.namespace, auth="required") as running,
        running.client() as http,
    ):
        header = await authorization(store.scripts.redis, store.scripts.namespace)
        poll = asyncio.create_task(http.get(f"/v1/jobs/{id}?wait=30", headers=header))
        async with http.stream("GET", f"/v1/jobs/{id}/events", headers=header) as stream:

            def both_wait() -> None:
                assert (running.app_state.waiters.count, running.app_state.streams.count) == (1, 1)

            await eventually(both_wait)
            keys = AccessKeys(store.scripts.redis)
            digest = credentials.digest(header["Authorization"].removeprefix("Bearer "))
            if revoked:
                found: Any = await keys.find(digest)
                await keys.revoke(found.id)
            else:
                redis: Any = store.scripts.redis
                await redis.hset(access_key(ACCESS_PREFIX, digest=digest), "scopes", "jobs:write")
            async with asyncio.timeout(10):
                text = "".join([part async for part in stream.aiter_text()])
        assert text.endswith(f'event: unauthorized\ndata: {{"code":"{code}"}}\n\n')
        problem(await poll, status, code)


events_timing = event_streams.StreamTiming(check=0.05)


async def test_a_forbidden_channel_is_an_error_and_not_an_endless_wait(
    redis_url: str, store: Namespace
) -> None:
    admin: Any = store.scripts.redis
    await admin.execute_command("ACL", "SETUSER", "deaf", "on", ">x", "~*", "+@all", "resetchannels")
    path = redis_url.removeprefix("unix://")
    deaf = connect(f"unix://deaf:x@{path}")
    with pytest.raises(BackendUnavailable):
        async with (
            asyncio.timeout(10),
            Namespace(deaf, store.scripts.namespace, DAY).change_feed.watch("job_1"),
        ):
            pytest.fail("the wait did not end")
    await deaf.aclose()
    await admin.execute_command("ACL", "DELUSER", "deaf")


async def test_an_unused_connection_is_closed_and_opened_again(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.changes.subscriber.IDLE_SECONDS", 0.0)
    monkeypatch.setattr("service.store.changes.subscriber.CHECK_SECONDS", 0.02)
    subscriber: Subscriber = store.change_feed._subscriber
    for _ in range(2):
        id = await submit(store)
        async with store.change_feed.watch(id) as changed:
            await store.jobs.cancel([id], 0)
            await asyncio.wait_for(changed.wait(), 5)

        def left() -> None:
            assert subscriber._task is not None
            assert subscriber._task.done()
            assert subscriber._channels == {}

        await eventually(left)


async def test_an_api_without_a_socket_waits_as_well(api: Api) -> None:
    job = await api.create()
    response = await api.http.get(f"/v1/jobs/{job['id']}?wait=0.01")
    assert response.status_code == 200
    assert api.app.state.app_state.waiters.count == 0
