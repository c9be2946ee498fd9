"""Tokens (JWT) in addition to API keys: which namespace they open, and for how long."""

from typing import Any

import jwt
import pytest

from service.api.auth import tokens
from service.api.auth.credentials import digest
from service.api.auth.tokens import LEEWAY_SECONDS
from service.domain.access_key import AccessKey
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from tests.api.bearers import bearer, refused
from tests.api.client import Api, problem
from tests.api.issuer import KIND, Issuer, claims, sign
from tests.api.keys import authorization
from tests.support.manual_clock import ManualClock


async def test_a_key_and_a_token_open_the_same_namespace(token_api: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    token, key = bearer(sign(claims(namespace))), await authorization(redis, namespace)
    job = await token_api.http.post("/v1/jobs", json={"name": "work"}, headers=token)
    assert job.status_code == 202
    address = f"/v1/jobs/{job.json()['id']}"
    assert (await token_api.http.get(address, headers=key)).status_code == 200
    assert (await token_api.http.get(address, headers=token)).status_code == 200


async def test_a_token_of_another_namespace_sees_404(token_api: Api, namespace: str) -> None:
    body = {"name": "work"}
    job = await token_api.http.post("/v1/jobs", json=body, headers=bearer(sign(claims(namespace))))
    stranger = bearer(sign(claims(f"{namespace}-other")))
    problem(await token_api.http.get(f"/v1/jobs/{job.json()['id']}", headers=stranger), 404, "not_found")
    assert (await token_api.http.get("/v1/jobs", headers=stranger)).json()["items"] == []


@pytest.mark.parametrize("algorithm", KIND)
async def test_four_algorithms_are_accepted(token_api: Api, namespace: str, algorithm: str) -> None:
    token = sign(claims(namespace), KIND[algorithm], algorithm)
    assert (await token_api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("openid jobs:read", 200),
        (["openid", "jobs:read"], 200),
        ("openid email", 403),
        ("JOBS:READ", 403),
        ([], 403),
        (None, 403),
    ],
)
async def test_scopes_are_those_that_triage_knows(
    token_api: Api, namespace: str, scope: Any, status: int
) -> None:
    token = sign(claims(namespace, scope=scope))
    response = await token_api.http.get("/v1/jobs", headers=bearer(token))
    if status == 403:
        assert problem(response, 403, "scope_missing")["required_scope"] == "jobs:read"
    assert response.status_code == status
    caller = await token_api.app.state.app_state.authenticator.identify(f"Bearer {token}")
    assert caller.scopes <= {"jobs:read"}


async def test_claims_have_the_names_that_the_settings_give(store: Namespace, issuer: Issuer) -> None:
    given: dict[str, Any] = {"jwt_namespace_claim": "https://example.com/tenant", "jwt_scopes_claim": "roles"}
    namespace = store.scripts.namespace
    api = Api(store.scripts.redis, namespace, **issuer.settings, **given)
    own = {"https://example.com/tenant": namespace, "roles": ["jobs:read"], "scope": None}
    token = sign(claims("other", **own))
    caller = await api.app.state.app_state.authenticator.identify(f"Bearer {token}")
    assert (caller.namespace, caller.scopes) == (namespace, {"jobs:read"})
    await refused(
        api, sign(claims(namespace)), "The token's claim https://example.com/tenant must name a namespace."
    )
    await api.close()


@pytest.mark.parametrize(
    ("subject", "id"), [("alice", "jwt:alice"), ("key_01", "jwt:key_01"), (None, "jwt:")]
)
async def test_a_caller_is_known_by_its_subject_and_never_as_a_key(
    token_api: Api, namespace: str, subject: str | None, id: str
) -> None:
    token = sign(claims(namespace, sub=subject))
    assert (await token_api.app.state.app_state.authenticator.identify(f"Bearer {token}")).key_id == id


async def test_without_a_credential_the_challenge_names_no_error(token_api: Api) -> None:
    for header in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": "Bearer "}):
        response = await token_api.http.get("/v1/jobs", headers=header)
        problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == 'Bearer realm="triage"'


async def test_a_key_with_two_dots_is_still_a_key(token_api: Api, issuer: Issuer, namespace: str) -> None:
    app_state = token_api.app.state.app_state
    secret = f"triage_{namespace}.b.c"
    key = AccessKey("key_dots", "test", namespace, frozenset({"jobs:read"}), 0)
    await AccessKeys(app_state.redis).create(key, digest(secret))
    assert (await token_api.http.get("/v1/jobs", headers=bearer(secret))).status_code == 200
    await refused(token_api, "triage_a.b.c")
    assert issuer.asked == []


async def test_where_tokens_are_not_configured_none_is_taken(store: Namespace, namespace: str) -> None:
    api = Api(store.scripts.redis, namespace, auth="required")
    await refused(api, sign(claims(namespace)))
    await api.close()


def moved(store: Namespace, issuer: Issuer, clock: ManualClock) -> Api:
    return Api(store.scripts.redis, store.scripts.namespace, clock, **issuer.settings)


async def test_a_token_is_accepted_until_it_expires_and_no_longer(
    store: Namespace, issuer: Issuer, namespace: str
) -> None:
    clock = ManualClock()
    api, now = moved(store, issuer, clock), clock.now_ms() / 1000
    token = sign(claims(namespace, exp=now + 60))
    clock.advance(60 + LEEWAY_SECONDS - 1)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    # The cache lasts 5 seconds, but this token expires after one.
    clock.advance(0.999)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    clock.advance(0.001)
    await refused(api, token, "The token has expired.")
    await api.close()


async def test_a_token_is_accepted_from_its_not_before_time(
    store: Namespace, issuer: Issuer, namespace: str
) -> None:
    clock = ManualClock()
    api, now = moved(store, issuer, clock), clock.now_ms() / 1000
    token = sign(claims(namespace, nbf=now + 60, exp=now + 600))
    clock.advance(60 - LEEWAY_SECONDS - 0.001)
    await refused(api, token, "The token is not valid yet.")
    clock.advance(0.001)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    await api.close()


async def test_a_good_token_is_checked_once_in_five_seconds(
    store: Namespace, issuer: Issuer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, checked = ManualClock(), 0
    api = moved(store, issuer, clock)
    real = jwt.decode

    def decode(*arguments: Any, **options: Any) -> Any:
        nonlocal checked
        checked += 1
        return real(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", decode)
    token = sign(claims(namespace, exp=clock.now_ms() / 1000 + 60))
    for seconds, expected in ((0, 1), (4.9, 1), (0.1, 2), (0, 2)):
        clock.advance(seconds)
        assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
        assert checked == expected
    await api.close()


async def test_the_cache_of_tokens_is_limited(
    token_api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_CACHE_SIZE", 3)
    for number in range(8):
        token = sign(claims(namespace, sub=str(number)))
        assert (await token_api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    assert 1 <= len(token_api.app.state.app_state.authenticator.tokens._cache) <= 3
