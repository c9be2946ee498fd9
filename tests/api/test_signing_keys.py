"""Which keys of a key set can sign tokens."""

import json
from typing import Any

import pytest

from service.api.auth.signing_keys import MAX_KEYS, KeySetInvalid, read_signing_keys
from tests.api.issuer import jwk, private_key


def names(*rows: Any) -> set[tuple[str, str]]:
    return set(read_signing_keys(json.dumps({"keys": rows}).encode()))


RSA_ROW = jwk(private_key("RSA"), "a")


@pytest.mark.parametrize(
    ("row", "algorithms"),
    [
        (RSA_ROW, {"RS256", "PS256"}),
        ({**RSA_ROW, "alg": "PS256"}, {"PS256"}),
        ({**RSA_ROW, "use": "sig", "key_ops": ["verify"]}, {"RS256", "PS256"}),
        (jwk(private_key("EC"), "a"), {"ES256"}),
        (jwk(private_key("OKP"), "a"), {"EdDSA"}),
        ({**RSA_ROW, "alg": "RS512"}, set()),
        ({**RSA_ROW, "alg": "HS256"}, set()),
        ({**RSA_ROW, "alg": ["RS256"]}, set()),
        ({**RSA_ROW, "use": "enc"}, set()),
        ({**RSA_ROW, "key_ops": ["encrypt"]}, set()),
        ({**RSA_ROW, "key_ops": "verify"}, set()),
        ({**RSA_ROW, "d": "AQAB"}, set()),
        ({**RSA_ROW, "n": 7}, set()),
        ({**RSA_ROW, "n": "!"}, set()),
        ({**RSA_ROW, "e": "AA"}, set()),
        ({"kty": "RSA", "kid": "a"}, set()),
        (jwk(private_key("RSA"), None), set()),
        ({**RSA_ROW, "kid": 1}, set()),
        ({**RSA_ROW, "kty": ["RSA"]}, set()),
        (jwk(private_key("RSA", 2, 1024), "a"), set()),
        (jwk(private_key("P-384"), "a"), set()),
        ({**jwk(private_key("EC"), "a"), "x": "AAAA"}, set()),
        ({**jwk(private_key("EC"), "a"), "y": jwk(private_key("EC", 1), "a")["y"]}, set()),
        ({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}, set()),
        ({"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "RS256"}, set()),
        ("RSA", set()),
        (None, set()),
    ],
)
def test_only_keys_that_can_sign_tokens_are_kept(row: Any, algorithms: set[str]) -> None:
    other = jwk(private_key("OKP"), "other")
    assert names(row, other) == {("other", "EdDSA"), *(("a", algorithm) for algorithm in algorithms)}


def test_a_set_has_a_limit() -> None:
    rows = [{**RSA_ROW, "kid": str(number)} for number in range(MAX_KEYS + 1)]
    assert len(names(*rows[:-1])) == 2 * MAX_KEYS
    with pytest.raises(KeySetInvalid):
        names(*rows)


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b"null", b"{}", b'{"keys": {}}', b'{"keys": null}', b"[" * 60_000]
)
def test_an_invalid_set_is_refused(document: bytes) -> None:
    with pytest.raises(KeySetInvalid):
        read_signing_keys(document)
