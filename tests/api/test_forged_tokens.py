"""Refused JWTs, however they were forged, and the cost of refusing them."""

import pytest

from service.api.auth.tokens import MAX_TOKEN
from tests.api.bearers import bearer, refused
from tests.api.client import Api, problem
from tests.api.forged_tokens import BAD, Make, made_up
from tests.api.issuer import Issuer, claims, sign


@pytest.mark.parametrize(("make", "says"), BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused(
    token_api: Api, issuer: Issuer, namespace: str, make: Make, says: str | None
) -> None:
    good = claims(namespace)
    token = make(good, issuer)
    await refused(token_api, token, says)
    # The API ignores key locations named in a token, and a bad token does not affect good ones.
    assert (await token_api.http.get("/v1/jobs", headers=bearer(sign(good)))).status_code == 200
    assert set(issuer.asked) == {"GET /jwks HTTP/1.1"}


async def test_a_token_of_a_megabyte_is_not_even_read(token_api: Api, namespace: str, issuer: Issuer) -> None:
    token = sign(claims(namespace, pad="x" * 1_000_000))
    problem(await token_api.http.get("/v1/jobs", headers=bearer(token)), 431, "headers_too_large")
    assert issuer.asked == []


async def test_the_largest_token_is_accepted_and_no_larger_one(token_api: Api, namespace: str) -> None:
    room = MAX_TOKEN - len(sign(claims(namespace, pad="")))
    sizes: dict[int, int] = {}
    for pad in range(room * 3 // 4 - 8, room * 3 // 4 + 8):
        token = sign(claims(namespace, pad="x" * pad))
        sizes[len(token)] = (await token_api.http.get("/v1/jobs", headers=bearer(token))).status_code
    assert {size for size, status in sizes.items() if status == 200} == {s for s in sizes if s <= MAX_TOKEN}
    assert max(sizes) > MAX_TOKEN >= max(size for size, status in sizes.items() if status == 200)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES384", "RS256 "])
async def test_an_unsupported_algorithm_does_not_cause_a_fetch_of_keys(
    token_api: Api, issuer: Issuer, namespace: str, algorithm: str
) -> None:
    await refused(token_api, made_up({"alg": algorithm, "kid": "RSA"}, claims(namespace)))
    assert issuer.asked == []
