"""Reads an issuer's public keys (a JWK Set, RFC 7517), as far as they can sign tokens for Triage."""

from collections.abc import Iterable, Mapping
from typing import Any

import jwt
import orjson
from cryptography.exceptions import UnsupportedAlgorithm

#: The most keys of a set; issuers have two or three at a time.
MAX_KEYS = 100
#: The least and the most bits of an RSA key: shorter is unsafe (RFC 7518, section 3.3), longer is slow.
RSA_BITS = range(2048, 8193)
#: The type of a key determines its algorithms, so that no token can turn a public key into a shared secret.
_ALGORITHMS = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALGORITHMS = frozenset(name for names in _ALGORITHMS.values() for name in names)
_PUBLIC = ("kty", "crv", "n", "e", "x", "y")

#: By `kid` and algorithm.
SigningKeys = Mapping[tuple[str, str], jwt.PyJWK]


class KeySetInvalid(Exception):
    """The document is not a JWK Set, or has too many keys."""


def read_signing_keys(document: bytes) -> SigningKeys:
    """Read a JWK Set; raises KeySetInvalid.

    Skips unusable keys, as RFC 7517 requires. A set without usable keys is valid: the issuer may have
    withdrawn all of them.
    """
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise KeySetInvalid from error
    rows: Any = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) > MAX_KEYS:
        raise KeySetInvalid
    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    for row in rows:
        for algorithm in _algorithms(row):
            key = _key(row, algorithm)
            if key is not None:
                keys.setdefault((row["kid"], algorithm), key)
    return keys


def _algorithms(row: Any) -> Iterable[str]:
    """The algorithms of the key; none if it has no name, is secret, or has another purpose."""
    if not isinstance(row, dict) or not isinstance(row.get("kid"), str):
        return ()
    # If the private key is public, anyone can sign with it.
    if "d" in row or row.get("use", "sig") != "sig" or "verify" not in _list(row.get("key_ops", ["verify"])):
        return ()
    kind, only = row.get("kty"), row.get("alg")
    curve = None if kind == "RSA" else row.get("crv")
    names = next((names for shape, names in _ALGORITHMS.items() if shape == (kind, curve)), ())
    return [name for name in names if only in (None, name)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(row: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK({name: row[name] for name in _PUBLIC if name in row}, algorithm)
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
        return None
    if row["kty"] == "RSA" and key.key.key_size not in RSA_BITS:
        return None
    return key
