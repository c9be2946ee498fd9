"""Tokens (JWT) beside API keys: which open a namespace, and which open nothing."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from service.api.auth import tokens
from service.api.auth.credentials import digest
from service.api.auth.tokens import LEEWAY_SECONDS, MAX_TOKEN
from service.domain.access_key import AccessKey
from service.store.access_keys import AccessKeys
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.issuer import KIND, Issuer, claims, encoded, issuing, jwk, private_key, sign
from tests.api.keys import authorization
from tests.support.manual_clock import ManualClock


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
async def guarded(stores: Namespace, issuer: Issuer) -> AsyncIterator[Api]:
    api = Api(stores.scripts.redis, stores.scripts.namespace, **issuer.settings)
    yield api
    await api.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refused(api: Api, token: str, says: str | None = None) -> None:
    answer = await api.http.get("/v1/jobs", headers=bearer(token))
    document = problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="triage", error="invalid_token"'
    assert document["detail"] == says or (says is None and "Invalid API key or token" in document["detail"])


async def test_a_key_and_a_token_open_the_same_namespace(guarded: Api, stores: Namespace) -> None:
    redis, namespace = stores.scripts.redis, stores.scripts.namespace
    token, key = bearer(sign(claims(namespace))), await authorization(redis, namespace)
    job = await guarded.http.post("/v1/jobs", json={"name": "work"}, headers=token)
    assert job.status_code == 202
    address = f"/v1/jobs/{job.json()['id']}"
    assert (await guarded.http.get(address, headers=key)).status_code == 200
    assert (await guarded.http.get(address, headers=token)).status_code == 200


async def test_a_token_of_another_namespace_sees_404(guarded: Api, namespace: str) -> None:
    body = {"name": "work"}
    job = await guarded.http.post("/v1/jobs", json=body, headers=bearer(sign(claims(namespace))))
    stranger = bearer(sign(claims(f"{namespace}-other")))
    problem(await guarded.http.get(f"/v1/jobs/{job.json()['id']}", headers=stranger), 404, "not_found")
    assert (await guarded.http.get("/v1/jobs", headers=stranger)).json()["items"] == []


@pytest.mark.parametrize("algorithm", KIND)
async def test_four_algorithms_are_taken(guarded: Api, namespace: str, algorithm: str) -> None:
    token = sign(claims(namespace), KIND[algorithm], algorithm)
    assert (await guarded.http.get("/v1/jobs", headers=bearer(token))).status_code == 200


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
    guarded: Api, namespace: str, scope: Any, status: int
) -> None:
    token = sign(claims(namespace, scope=scope))
    answer = await guarded.http.get("/v1/jobs", headers=bearer(token))
    if status == 403:
        assert problem(answer, 403, "scope_missing")["required_scope"] == "jobs:read"
    assert answer.status_code == status
    caller = await guarded.app.state.app_state.authenticator.identify(f"Bearer {token}")
    assert caller.scopes <= {"jobs:read"}


async def test_claims_have_the_names_that_the_settings_give(stores: Namespace, issuer: Issuer) -> None:
    given: dict[str, Any] = {"jwt_namespace_claim": "https://example.com/tenant", "jwt_scopes_claim": "roles"}
    namespace = stores.scripts.namespace
    api = Api(stores.scripts.redis, namespace, **issuer.settings, **given)
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
    guarded: Api, namespace: str, subject: str | None, id: str
) -> None:
    token = sign(claims(namespace, sub=subject))
    assert (await guarded.app.state.app_state.authenticator.identify(f"Bearer {token}")).key_id == id


def public_pem() -> bytes:
    return (
        private_key("RSA")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def made_up(header: dict[str, Any], payload: Any, signature: str = "AAAA") -> str:
    return f"{encoded(header)}.{encoded(payload)}.{signature}"


def keyed_with(secret: bytes, payload: dict[str, Any], algorithm: str = "HS256") -> str:
    """As PyJWT would not: it refuses public keys as secrets."""
    body = f"{encoded({'alg': algorithm, 'kid': 'RSA', 'typ': 'JWT'})}.{encoded(payload)}"
    signer: Any = HMACAlgorithm(HMACAlgorithm.SHA256)
    return f"{body}.{encoded(signer.sign(body.encode(), secret))}"


def tampered(token: str, **others: Any) -> str:
    header, payload, signature = token.split(".")
    changed = {**json.loads(base64url_decode(payload)), **others}
    return f"{header}.{encoded(changed)}.{signature}"


def stolen(payload: dict[str, Any], **header: Any) -> str:
    """Signed by a stranger."""
    return jwt.encode(payload, private_key("RSA", 1), "RS256", {"kid": "RSA", **header})


RSA = {"alg": "RS256", "kid": "RSA"}
Make = Callable[[dict[str, Any], Issuer], str]
#: Of a good token's claims, a bad token; None: the answer says no more than that it is not valid.
BAD: dict[str, tuple[Make, str | None]] = {
    "no signature, alg none": (lambda good, _: made_up({"alg": "none", "kid": "RSA"}, good, ""), None),
    "alg none with a signature": (lambda good, _: made_up({"alg": "none", "kid": "RSA"}, good), None),
    "alg None": (lambda good, _: made_up({"alg": "None", "kid": "RSA"}, good, ""), None),
    "alg a list": (lambda good, _: made_up({"alg": ["RS256"], "kid": "RSA"}, good), None),
    "no alg": (lambda good, _: made_up({"kid": "RSA"}, good), None),
    "alg in lower case": (lambda good, _: made_up({"alg": "rs256", "kid": "RSA"}, good), None),
    "signature taken away": (lambda good, _: sign(good).rpartition(".")[0] + ".", None),
    "secret is the public key": (lambda good, _: keyed_with(public_pem(), good), None),
    "secret is the public key's row": (
        lambda good, _: keyed_with(json.dumps(jwk(private_key("RSA"), "RSA")).encode(), good),
        None,
    ),
    "no secret": (lambda good, _: keyed_with(b"", good), None),
    "another hash": (lambda good, _: sign(good, algorithm="RS512"), None),
    "an algorithm of another type of key": (lambda good, _: sign(good, "RSA", "ES256"), None),
    "a name of another type of key": (lambda good, _: sign(good, "EC", "RS256"), None),
    "signed by a stranger": (lambda good, _: stolen(good), None),
    "a stranger's key in the head": (
        lambda good, _: stolen(good, jwk=jwk(private_key("RSA", 1), "RSA")),
        None,
    ),
    "a stranger's address in the head": (
        lambda good, issuer: stolen(good, jku=f"{issuer.url}?jku", x5u=f"{issuer.url}?x5u"),
        None,
    ),
    "kid unknown": (lambda good, _: sign(good, "other"), None),
    "kid missing": (lambda good, _: sign(good, None), None),
    "kid empty": (lambda good, _: sign(good, ""), None),
    "kid a number": (lambda good, _: made_up({"alg": "RS256", "kid": 1}, good), None),
    "kid a path": (lambda good, _: sign(good, "../../../../dev/null"), None),
    "kid a file": (lambda good, _: sign(good, "file:///etc/passwd"), None),
    "kid an address": (lambda good, issuer: sign(good, f"{issuer.url}?kid"), None),
    "kid with a null": (lambda good, _: sign(good, "RSA\0"), None),
    "kid of half a character": (lambda good, _: made_up({"alg": "RS256", "kid": "\ud800"}, good), None),
    "an extension that must be understood": (
        lambda good, _: sign(good, crit=["exp"], exp=1),
        None,
    ),
    "a payload kept elsewhere": (
        lambda good, _: made_up({**RSA, "b64": False, "crit": ["b64"]}, b"", "AAAA"),
        None,
    ),
    "another namespace written in": (lambda good, _: tampered(sign(good), triage_namespace="other"), None),
    "more scopes written in": (lambda good, _: tampered(sign(good), scope="keys:admin"), None),
    "a head that is no JSON": (lambda good, _: f"{encoded(b'{')}.{encoded(good)}.AAAA", None),
    "a head that is a list": (lambda good, _: f"{encoded([])}.{encoded(good)}.AAAA", None),
    "deep JSON": (lambda good, _: f"{encoded(b'[' * 5000)}.e30.AAAA", None),
    "claims that are a list": (
        lambda _, __: jwt.api_jws.encode(b"[]", private_key("RSA"), "RS256", {"kid": "RSA"}),
        None,
    ),
    "no base64": (lambda _, __: "a!.b!.c!", None),
    "dots alone": (lambda _, __: "..", None),
    "a number of 5,000 digits": (lambda good, _: f"{encoded(RSA)}.{encoded(b'1' * 5000)}.AAAA", None),
    "longer than a token may be": (lambda good, _: sign({**good, "pad": "x" * MAX_TOKEN}), None),
    "an audience of others": (
        lambda good, _: sign({**good, "aud": "billing"}),
        "The token is for another audience.",
    ),
    "audiences of others": (
        lambda good, _: sign({**good, "aud": ["billing", "triage-dev"]}),
        "The token is for another audience.",
    ),
    "no audience": (lambda good, _: sign({**good, "aud": None}), "The token lacks the claim aud."),
    "another issuer": (
        lambda good, _: sign({**good, "iss": "https://evil.example.com/"}),
        "The token is from another issuer.",
    ),
    "nearly the issuer": (
        lambda good, _: sign({**good, "iss": good["iss"].rstrip("/")}),
        "The token is from another issuer.",
    ),
    "expired": (
        lambda good, _: sign({**good, "exp": good["exp"] - 300 - LEEWAY_SECONDS - 1}),
        "The token has expired.",
    ),
    "without an end": (lambda good, _: sign({**good, "exp": None}), "The token lacks the claim exp."),
    "an end that is text": (
        lambda good, _: sign({**good, "exp": "tomorrow"}),
        "The token's claim exp must be a time.",
    ),
    "an end that is true": (
        lambda good, _: sign({**good, "exp": True}),
        "The token's claim exp must be a time.",
    ),
    "an end that is no number": (
        lambda good, _: sign({**good, "exp": float("nan")}),
        "The token's claim exp must be a time.",
    ),
    "an end at infinity": (
        lambda good, _: sign({**good, "exp": float("inf")}),
        "The token's claim exp must be a time.",
    ),
    "not yet": (
        lambda good, _: sign({**good, "nbf": good["exp"] - 300 + LEEWAY_SECONDS + 10}),
        "The token is not valid yet.",
    ),
    "a beginning that is text": (
        lambda good, _: sign({**good, "nbf": "now"}),
        "The token's claim nbf must be a time.",
    ),
    "a subject that is a number": (lambda good, _: sign_unchecked({**good, "sub": 7}), None),
    "a subject with a line end": (
        lambda good, _: sign({**good, "sub": 'a\n{"event":"forged"}'}),
        "The token's claim sub is too long or has unprintable characters.",
    ),
    "no namespace": (
        lambda good, _: sign({**good, "triage_namespace": None}),
        "The token's claim triage_namespace must name a namespace.",
    ),
    "a namespace with a brace": (
        lambda good, _: sign({**good, "triage_namespace": "a}:b"}),
        "The token's claim triage_namespace must name a namespace.",
    ),
    "a namespace with a line end": (
        lambda good, _: sign({**good, "triage_namespace": "default\n"}),
        "The token's claim triage_namespace must name a namespace.",
    ),
    "a list of namespaces": (
        lambda good, _: sign({**good, "triage_namespace": ["a", "b"]}),
        "The token's claim triage_namespace must name a namespace.",
    ),
    "scopes that are a map": (
        lambda good, _: sign({**good, "scope": {"jobs:read": True}}),
        "The token's claim scope must be a string or a list of strings.",
    ),
}


def sign_unchecked(payload: dict[str, Any]) -> str:
    return jwt.api_jws.encode(json.dumps(payload).encode(), private_key("RSA"), "RS256", {"kid": "RSA"})


@pytest.mark.parametrize(("make", "says"), BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused(
    guarded: Api, issuer: Issuer, namespace: str, make: Make, says: str | None
) -> None:
    good = claims(namespace)
    token = make(good, issuer)
    await refused(guarded, token, says)
    # What a token says of where keys are is not followed, and what was bad does not harm what is good.
    assert (await guarded.http.get("/v1/jobs", headers=bearer(sign(good)))).status_code == 200
    assert set(issuer.asked) == {"GET /jwks HTTP/1.1"}


async def test_a_token_of_a_megabyte_is_not_even_read(guarded: Api, namespace: str, issuer: Issuer) -> None:
    token = sign(claims(namespace, pad="x" * 1_000_000))
    problem(await guarded.http.get("/v1/jobs", headers=bearer(token)), 431, "headers_too_large")
    assert issuer.asked == []


async def test_the_largest_token_is_taken_and_no_larger_one(guarded: Api, namespace: str) -> None:
    room = MAX_TOKEN - len(sign(claims(namespace, pad="")))
    sizes: dict[int, int] = {}
    for pad in range(room * 3 // 4 - 8, room * 3 // 4 + 8):
        token = sign(claims(namespace, pad="x" * pad))
        sizes[len(token)] = (await guarded.http.get("/v1/jobs", headers=bearer(token))).status_code
    assert {size for size, status in sizes.items() if status == 200} == {s for s in sizes if s <= MAX_TOKEN}
    assert max(sizes) > MAX_TOKEN >= max(size for size, status in sizes.items() if status == 200)


async def test_without_a_credential_the_challenge_names_no_error(guarded: Api) -> None:
    for header in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": "Bearer "}):
        answer = await guarded.http.get("/v1/jobs", headers=header)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="triage"'


async def test_a_key_with_two_dots_is_still_a_key(guarded: Api, issuer: Issuer, namespace: str) -> None:
    app_state = guarded.app.state.app_state
    secret = f"triage_{namespace}.b.c"
    key = AccessKey("key_dots", "test", namespace, frozenset({"jobs:read"}), 0)
    await AccessKeys(app_state.redis).create(key, digest(secret))
    assert (await guarded.http.get("/v1/jobs", headers=bearer(secret))).status_code == 200
    await refused(guarded, "triage_a.b.c")
    assert issuer.asked == []


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES384", "RS256 "])
async def test_an_algorithm_that_is_not_taken_is_no_reason_to_ask_the_issuer(
    guarded: Api, issuer: Issuer, namespace: str, algorithm: str
) -> None:
    await refused(guarded, made_up({"alg": algorithm, "kid": "RSA"}, claims(namespace)))
    assert issuer.asked == []


async def test_where_tokens_are_not_configured_none_is_taken(stores: Namespace, namespace: str) -> None:
    api = Api(stores.scripts.redis, namespace, auth="required")
    await refused(api, sign(claims(namespace)))
    await api.close()


def moved(stores: Namespace, issuer: Issuer, clock: ManualClock) -> Api:
    return Api(stores.scripts.redis, stores.scripts.namespace, clock, **issuer.settings)


async def test_a_token_is_taken_to_its_end_and_never_longer(
    stores: Namespace, issuer: Issuer, namespace: str
) -> None:
    clock = ManualClock()
    api, now = moved(stores, issuer, clock), clock.now_ms() / 1000
    token = sign(claims(namespace, exp=now + 60))
    clock.advance(60 + LEEWAY_SECONDS - 1)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    # Remembered for 5 seconds, and its end is after one.
    clock.advance(0.999)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    clock.advance(0.001)
    await refused(api, token, "The token has expired.")
    await api.close()


async def test_a_token_begins_when_it_says(stores: Namespace, issuer: Issuer, namespace: str) -> None:
    clock = ManualClock()
    api, now = moved(stores, issuer, clock), clock.now_ms() / 1000
    token = sign(claims(namespace, nbf=now + 60, exp=now + 600))
    clock.advance(60 - LEEWAY_SECONDS - 0.001)
    await refused(api, token, "The token is not valid yet.")
    clock.advance(0.001)
    assert (await api.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    await api.close()


async def test_a_good_token_is_checked_once_in_five_seconds(
    stores: Namespace, issuer: Issuer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, checked = ManualClock(), 0
    api = moved(stores, issuer, clock)
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


async def test_tokens_are_not_remembered_without_end(
    guarded: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_CACHE_SIZE", 3)
    for number in range(8):
        token = sign(claims(namespace, sub=str(number)))
        assert (await guarded.http.get("/v1/jobs", headers=bearer(token))).status_code == 200
    assert 1 <= len(guarded.app.state.app_state.authenticator.tokens._cache) <= 3
