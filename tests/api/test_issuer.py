"""The issuer's keys: fetched rarely, kept while the issuer is unreachable, dropped when it withdraws them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.api.auth import issuer as issuer_module
from service.api.auth import throttle
from service.api.auth.issuer import FIRST_SPACING_SECONDS, SPACING_SECONDS, USABLE_SECONDS
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.issuer import Issuer, claims, issuing, jwk, private_key, sign
from tests.api.keys import authorization
from tests.api.running import serve
from tests.support.eventually import eventually
from tests.support.manual_clock import ManualClock


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def guarded(store: Namespace, issuer: Issuer, clock: ManualClock) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, clock, **issuer.settings)
    yield api
    await api.close()


class Client:
    """Sends requests with tokens that outlive every test."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def asks(
        self, kid: str = "RSA", algorithm: str = "RS256", subject: str = "alice"
    ) -> httpx.Response:
        token = sign(claims(self._namespace, exp=2_000_000_000, sub=subject), kid, algorithm)
        return await self._api.http.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(guarded: Api, namespace: str) -> Client:
    return Client(guarded, namespace)


async def test_keys_are_asked_for_once(client: Client, issuer: Issuer, clock: ManualClock) -> None:
    for subject in ("alice", "bob"):
        for kid, algorithm in (("RSA", "RS256"), ("RSA", "PS256"), ("EC", "ES256"), ("OKP", "EdDSA")):
            assert (await client.asks(kid, algorithm, subject)).status_code == 200
        clock.advance(SPACING_SECONDS + 1)
    assert issuer.asked == ["GET /jwks HTTP/1.1"]


async def test_many_first_requests_share_one_question(client: Client, issuer: Issuer) -> None:
    issuer.open.clear()
    asking = [asyncio.create_task(client.asks(subject=str(number))) for number in range(50)]

    def asked() -> None:
        assert issuer.asked

    await eventually(asked)
    issuer.open.set()
    assert {response.status_code for response in await asyncio.gather(*asking)} == {200}
    assert len(issuer.asked) == 1


async def test_a_new_key_is_found_with_one_question(
    client: Client, issuer: Issuer, clock: ManualClock
) -> None:
    assert (await client.asks()).status_code == 200
    issuer.publishes(jwk(private_key("RSA"), "RSA"), jwk(private_key("RSA"), "next"))
    clock.advance(SPACING_SECONDS)
    responses = await asyncio.gather(*(client.asks("next", subject=str(number)) for number in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len(issuer.asked) == 2


async def test_unknown_key_ids_do_not_flood_the_issuer(
    client: Client, issuer: Issuer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_REFUSALS", 1_000)
    assert (await client.asks()).status_code == 200
    for _ in range(3):
        responses = await asyncio.gather(*(client.asks(f"made-up-{number}") for number in range(30)))
        assert {response.status_code for response in responses} == {401}
        clock.advance(SPACING_SECONDS / 3 - 0.1)
    assert len(issuer.asked) == 1
    clock.advance(1)
    for number in range(5):
        assert (await client.asks(f"new-{number}")).status_code == 401
    assert len(issuer.asked) == 2


async def test_a_withdrawn_key_opens_nothing_once_the_set_is_read_again(
    client: Client, issuer: Issuer, clock: ManualClock
) -> None:
    assert (await client.asks()).status_code == 200
    issuer.publishes(jwk(private_key("RSA", 1), "next"))
    clock.advance(SPACING_SECONDS)
    assert (await client.asks("made-up")).status_code == 401
    assert (await client.asks()).status_code == 401


async def test_an_issuer_that_withdraws_every_key_is_believed(
    client: Client, issuer: Issuer, clock: ManualClock
) -> None:
    assert (await client.asks()).status_code == 200
    issuer.publishes()
    clock.advance(SPACING_SECONDS)
    assert (await client.asks("made-up")).status_code == 401
    assert (await client.asks()).status_code == 401


async def test_while_the_issuer_is_away_its_keys_stay_in_use_for_a_day(
    client: Client, issuer: Issuer, clock: ManualClock
) -> None:
    assert (await client.asks()).status_code == 200
    issuer.says(b"gone", status=503)
    clock.advance(USABLE_SECONDS - 1)
    assert (await client.asks("made-up")).status_code == 401
    assert (await client.asks()).status_code == 200
    clock.advance(SPACING_SECONDS)
    response = await client.asks()
    assert problem(response, 503, "issuer_unavailable")["retryable"] is True
    assert response.headers["retry-after"] == "1"
    assert len(issuer.asked) == 3


async def test_without_keys_it_is_503_and_retried_soon(
    guarded: Api, client: Client, issuer: Issuer, clock: ManualClock, store: Namespace, namespace: str
) -> None:
    good = issuer.response
    issuer.says(b"starting", status=503)
    for _ in range(5):
        problem(await client.asks(), 503, "issuer_unavailable")
    assert len(issuer.asked) == 1
    # API keys do not depend on the issuer.
    key = await authorization(store.scripts.redis, namespace)
    assert (await guarded.http.get("/v1/jobs", headers=key)).status_code == 200
    issuer.response = good
    clock.advance(FIRST_SPACING_SECONDS)
    assert (await client.asks()).status_code == 200
    assert len(issuer.asked) == 2


async def test_a_request_does_not_wait_long_for_a_silent_issuer(
    client: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_module, "WAIT_SECONDS", 0.1)
    issuer.open.clear()
    problem(await client.asks(), 503, "issuer_unavailable")
    # The fetch continued in the background after the response.
    issuer.open.set()
    monkeypatch.setattr(issuer_module, "WAIT_SECONDS", 10)
    assert (await client.asks()).status_code == 200
    assert len(issuer.asked) == 1


async def test_a_request_that_gives_up_leaves_the_fetch_to_the_others(client: Client, issuer: Issuer) -> None:
    issuer.open.clear()
    first, second = asyncio.create_task(client.asks()), asyncio.create_task(client.asks(subject="bob"))

    def asked() -> None:
        assert issuer.asked

    await eventually(asked)
    first.cancel()
    await asyncio.wait({first})
    issuer.open.set()
    assert (await second).status_code == 200
    assert len(issuer.asked) == 1


async def test_a_server_fetches_keys_at_start_and_keeps_fetching(
    redis_url: str, namespace: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_module, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(issuer_module, "SPACING_SECONDS", 0.02)
    async with serve(redis_url, namespace, **issuer.settings) as running:

        def asked() -> None:
            assert len(issuer.asked) > 2

        await eventually(asked)
        issuer.publishes(jwk(private_key("RSA"), "next"))
        async with running.client() as client:

            async def accepted() -> None:
                header = {"Authorization": f"Bearer {sign(claims(namespace), 'next')}"}
                assert (await client.get("/v1/jobs", headers=header)).status_code == 200

            await eventually(accepted)


async def test_a_file_is_as_good_as_an_address(store: Namespace, namespace: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(private_key("RSA"), "RSA")]}))
    given = Issuer().settings | {"jwt_jwks_url": path.as_uri()}
    api = Api(store.scripts.redis, namespace, ManualClock(), **given)
    assert (await Client(api, namespace).asks()).status_code == 200
    await api.close()
