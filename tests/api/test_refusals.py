"""Callers that guess credentials are throttled, logged and counted; others are not affected."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from service.api.auth import credentials, throttle
from service.api.auth.throttle import MAX_REFUSALS, WINDOW_SECONDS, Refusals
from service.domain.access_key import AccessKey
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from service.telemetry.logs import IDS
from tests.api.client import Api, problem
from tests.api.issuer import claims, issuing, sign
from tests.api.keys import authorization
from tests.api.running import serve
from tests.support.manual_clock import ManualClock

WRONG = {"Authorization": "Bearer triage_guessed"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def guarded(store: Namespace, clock: ManualClock) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, clock, auth="required")
    yield api
    await api.close()


async def guess(api: Api, number: int) -> list[httpx.Response]:
    return [
        await api.http.get("/v1/jobs", headers={"Authorization": f"Bearer triage_guess{n}"})
        for n in range(number)
    ]


def refused(api: Api, reason: str) -> float:
    return api.app.state.app_state.metrics.http.process.credentials_refused.by_reason[reason]


async def test_an_address_that_guesses_is_throttled_for_a_while(
    guarded: Api, store: Namespace, clock: ManualClock
) -> None:
    good = await authorization(store.scripts.redis, store.scripts.namespace)
    late = await authorization(store.scripts.redis, store.scripts.namespace)
    assert (await guarded.http.get("/v1/jobs", headers=good)).status_code == 200
    for response in await guess(guarded, MAX_REFUSALS):
        problem(response, 401, "unauthenticated")
    client: Any = store.scripts.redis
    before = (await client.info("stats"))["total_commands_processed"]
    for response in await guess(guarded, 5):
        assert problem(response, 429, "too_many_failures")["retryable"]
        assert response.headers["retry-after"] == str(int(WINDOW_SECONDS))
    assert (await client.info("stats"))["total_commands_processed"] - before == 1
    # A caller behind the same address keeps its access if its credential was accepted recently.
    assert (await guarded.http.get("/v1/jobs", headers=good)).status_code == 200
    problem(await guarded.http.get("/v1/jobs", headers=late), 429, "too_many_failures")
    problem(await guarded.http.get("/metrics", headers=WRONG), 429, "too_many_failures")
    problem(await guarded.http.get("/v1/jobs"), 401, "unauthenticated")
    assert (refused(guarded, "invalid"), refused(guarded, "throttled")) == (MAX_REFUSALS, 7)
    clock.advance(WINDOW_SECONDS)
    assert (await guarded.http.get("/v1/jobs", headers=late)).status_code == 200
    problem((await guess(guarded, 1))[0], 401, "unauthenticated")


async def test_a_recently_accepted_token_is_not_throttled(store: Namespace) -> None:
    async with issuing() as issuer:
        api = Api(store.scripts.redis, store.scripts.namespace, **issuer.settings)
        good, late = (
            {"Authorization": f"Bearer {sign(claims(store.scripts.namespace, sub=name))}"}
            for name in ("good", "late")
        )
        assert (await api.http.get("/v1/jobs", headers=good)).status_code == 200
        await guess(api, MAX_REFUSALS)
        assert (await api.http.get("/v1/jobs", headers=good)).status_code == 200
        problem(await api.http.get("/v1/jobs", headers=late), 429, "too_many_failures")
        await api.close()


async def test_refusals_are_logged_with_their_address_and_without_the_secret(guarded: Api) -> None:
    with structlog.testing.capture_logs() as logs:
        await guess(guarded, MAX_REFUSALS)
    rows = [row for row in logs if row["event"] == "credential_refused"]
    assert {row["client"] for row in rows} == {"127.0.0.1"}
    assert len({row["credential"] for row in rows}) == MAX_REFUSALS
    assert [row["client"] for row in logs if row["event"] == "credentials_throttled"] == ["127.0.0.1"]
    assert "guess" not in str(logs)
    assert 'triage_credentials_refused_total{reason="invalid"}' in guarded_metrics(guarded)


def guarded_metrics(api: Api) -> str:
    from prometheus_client.exposition import generate_latest

    return generate_latest(api.app.state.app_state.metrics.http.process.registry).decode()


@pytest.mark.parametrize(
    ("trusted", "status"), [("", 429), ("192.0.2.1", 429), ("127.0.0.1", 401), ("192.0.2.1,127.0.0.0/8", 401)]
)
async def test_a_header_names_the_client_only_where_a_trusted_proxy_sent_it(
    redis_url: str, namespace: str, trusted: str, status: int
) -> None:
    settings = {"auth": "required", "trusted_proxies": trusted}
    async with serve(redis_url, namespace, **settings) as running, running.client() as http:
        responses = [
            await http.get("/v1/jobs", headers={**WRONG, "X-Forwarded-For": f"10.0.0.{number}"})
            for number in range(MAX_REFUSALS + 1)
        ]
    assert responses[-1].status_code == status


async def ids_of_lines(api: Api, header: dict[str, str]) -> dict[str, str]:
    """The fields of a request's log lines once its sender is known."""
    seen: list[dict[str, str]] = []

    def note(logger: Any, method: str, line: Any) -> Any:
        seen.append(dict(IDS.get({})))
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    try:
        assert (await api.http.get("/v1/jobs", headers=header)).status_code == 200
    finally:
        structlog.reset_defaults()
    (line,) = [line for line in seen if line.get("key_id")]
    return line


async def test_every_line_of_a_request_names_its_key_and_its_client(guarded: Api, store: Namespace) -> None:
    line = await ids_of_lines(guarded, await authorization(store.scripts.redis, store.scripts.namespace))
    assert line["key_id"].startswith("key_")
    assert (line["client"], line["request_id"][:4]) == ("127.0.0.1", "req_")


async def test_lines_tell_subjects_of_tokens_apart_without_naming_them(store: Namespace) -> None:
    """A subject may be a person's email address."""
    async with issuing() as issuer:
        api = Api(store.scripts.redis, store.scripts.namespace, **issuer.settings)
        tokens = [sign(claims(store.scripts.namespace, sub=name)) for name in ("alice", "bob", "alice")]
        lines = [await ids_of_lines(api, {"Authorization": f"Bearer {token}"}) for token in tokens]
        await api.close()
    first, other, again = [line["key_id"] for line in lines]
    assert first == again != other
    assert first.startswith("jwt:")
    assert "alice" not in str(lines)


async def test_a_key_of_a_forged_namespace_opens_nothing(guarded: Api, store: Namespace) -> None:
    from service.api.auth.credentials import digest

    key = AccessKey("key_forged", "x", "alpha}:job:x", frozenset({"jobs:read"}), 0)
    await AccessKeys(store.scripts.redis).create(key, digest("triage_forged"))
    response = await guarded.http.get("/v1/jobs", headers={"Authorization": "Bearer triage_forged"})
    problem(response, 401, "unauthenticated")
    await AccessKeys(store.scripts.redis).revoke("key_forged")


async def test_the_cache_of_keys_is_limited(
    guarded: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessed keys are cached as well, because refusals are."""
    monkeypatch.setattr(credentials, "_CACHE_SIZE", 3)
    await guess(guarded, 8)
    assert 1 <= len(guarded.app.state.app_state.authenticator._cache) <= 3


def test_addresses_are_counted_by_network_and_bounded(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Refusals(clock)
    monkeypatch.setattr(throttle, "MAX_ADDRESSES", 2)
    for number in range(MAX_REFUSALS):
        assert refusals.add(f"2001:db8::{number:x}") is (number == MAX_REFUSALS - 1)
    with pytest.raises(throttle.TooManyFailures):
        refusals.check("2001:db8::ffff:1")
    for free in ("2001:db8:0:1::1", "::ffff:10.0.0.1", "", "10.0.0.1"):
        refusals.check(free)
    refusals.add("10.0.0.1")
    refusals.add("10.0.0.2")
    refusals.check("2001:db8::1")
