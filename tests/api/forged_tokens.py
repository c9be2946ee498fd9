"""Tokens that must be refused: forged, stolen, expired, or meant for another audience."""

import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from service.api.auth.tokens import LEEWAY_SECONDS, MAX_TOKEN
from tests.api.issuer import Issuer, encoded, jwk, private_key, sign


def public_pem() -> bytes:
    return (
        private_key("RSA")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def made_up(header: dict[str, Any], payload: Any, signature: str = "AAAA") -> str:
    return f"{encoded(header)}.{encoded(payload)}.{signature}"


def keyed_with(secret: bytes, payload: dict[str, Any], algorithm: str = "HS256") -> str:
    """By hand, because PyJWT refuses to use a public key as a secret."""
    body = f"{encoded({'alg': algorithm, 'kid': 'RSA', 'typ': 'JWT'})}.{encoded(payload)}"
    signer: Any = HMACAlgorithm(HMACAlgorithm.SHA256)
    return f"{body}.{encoded(signer.sign(body.encode(), secret))}"


def tampered(token: str, **others: Any) -> str:
    header, payload, signature = token.split(".")
    changed = {**json.loads(base64url_decode(payload)), **others}
    return f"{header}.{encoded(changed)}.{signature}"


def stolen(payload: dict[str, Any], **header: Any) -> str:
    """Signed with a key that is not the issuer's."""
    return jwt.encode(payload, private_key("RSA", 1), "RS256", {"kid": "RSA", **header})


RSA = {"alg": "RS256", "kid": "RSA"}


Make = Callable[[dict[str, Any], Issuer], str]


#: Bad tokens, made from a good token's claims. None: the response says only that the token is invalid.
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
