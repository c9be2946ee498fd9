"""Checks an issuer's tokens (JWT, RFC 7519): signature, audience, expiry and namespace."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import jwt
import structlog

from service.api.auth.issuer import Issuer
from service.api.auth.signing_keys import ALGORITHMS
from service.api.responses.errors import CredentialRefused
from service.clock import Clock
from service.domain.tenant import NAMESPACE_PATTERN
from service.settings import Settings

#: The most characters of a token: it must fit into a head of 16 KiB with other headers.
MAX_TOKEN = 8_192
#: The most characters of a key id and of a subject (OpenID Connect Core, section 2).
MAX_NAME = 255
#: How much the clocks of issuer and API may differ, in seconds.
LEEWAY_SECONDS = 30
#: How long a checked token is cached, in seconds.
CACHE_SECONDS = 5.0
_CACHE_SIZE = 10_000
#: Larger times are errors, and beyond exact floats.
_MAX_TIME = 2.0**53
#: This module checks times, with the process's clock; PyJWT would use the system's.
_OPTIONS: Any = {
    "require": ["iss", "aud", "exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}

log = structlog.get_logger("triage.api")


@dataclass(frozen=True, slots=True)
class Token:
    """A valid token. `scopes` are unparsed; `expires` is in unix seconds and includes the leeway."""

    namespace: str
    scopes: frozenset[str]
    subject: str | None
    expires: float


class Tokens:
    """Checks tokens, and caches a valid token for a few seconds unless it expires."""

    def __init__(self, settings: Settings, issuer: Issuer, clock: Clock) -> None:
        self._settings = settings
        self.issuer = issuer
        self._clock = clock
        self._cache: dict[bytes, tuple[float, Token]] = {}

    async def read(self, text: str) -> Token:
        """Check a token; raises CredentialRefused, or IssuerUnavailable while the keys are unknown."""
        if len(text) > MAX_TOKEN:
            _refuse("too_large")
        digest, now = hashlib.sha256(text.encode()).digest(), self._clock.monotonic()
        at, token = self._cache.get(digest, (now, None))
        if token is None or now - at >= CACHE_SECONDS:
            token = await self._verify(text)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[digest] = (now, token)
        # Expiry is also checked for cached tokens.
        if self._now() >= token.expires:
            _refuse("expired", "The token has expired.")
        return token

    def recall(self, text: str) -> Token | None:
        """A cached token that needs no check now."""
        at, token = self._cache.get(hashlib.sha256(text.encode()).digest(), (0.0, None))
        if token is None or self._clock.monotonic() - at >= CACHE_SECONDS or self._now() >= token.expires:
            return None
        return token

    def remembers(self, text: str) -> bool:
        """Whether this token was valid recently."""
        return hashlib.sha256(text.encode()).digest() in self._cache

    async def _verify(self, text: str) -> Token:
        try:
            header = jwt.get_unverified_header(text)
            kid, algorithm = header.get("kid"), header.get("alg")
            if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
                _refuse("algorithm")
            if not isinstance(kid, str) or len(kid) > MAX_NAME:
                _refuse("key_name")
            # The key id is only compared with the ids in the issuer's set.
            key = await self.issuer.key(kid, algorithm)
            if key is None:
                _refuse("unknown_key")
            claims = jwt.decode(
                text,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                options=_OPTIONS,
            )
        except jwt.MissingRequiredClaimError as error:
            _refuse("claim", f"The token lacks the claim {error.claim}.")
        except jwt.InvalidAudienceError:
            _refuse("audience", "The token is for another audience.")
        except jwt.InvalidIssuerError:
            _refuse("issuer", "The token is from another issuer.")
        except jwt.PyJWTError as error:
            _refuse(type(error).__name__)
        return self._token(claims)

    def _token(self, claims: dict[str, Any]) -> Token:
        """Read the claims. Errors may be detailed here, because the issuer has signed the token."""
        if "nbf" in claims and _time(claims, "nbf") - LEEWAY_SECONDS > self._now():
            _refuse("not_yet", "The token is not valid yet.")
        name = self._settings.jwt_namespace_claim
        namespace = claims.get(name)
        if not isinstance(namespace, str) or not re.fullmatch(NAMESPACE_PATTERN, namespace):
            _refuse("namespace", f"The token's claim {name} must name a namespace.")
        subject: str | None = claims.get("sub")
        if subject is not None and not (len(subject) <= MAX_NAME and subject.isprintable()):
            _refuse("subject", "The token's claim sub is too long or has unprintable characters.")
        return Token(namespace, self._scopes(claims), subject, _time(claims, "exp") + LEEWAY_SECONDS)

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        name = self._settings.jwt_scopes_claim
        match claims.get(name):
            case None:
                return frozenset()
            case str(words):
                return frozenset(words.split())
            case list(words) if all(isinstance(word, str) for word in words):
                return frozenset(words)
            case _:
                _refuse("scopes", f"The token's claim {name} must be a string or a list of strings.")

    def _now(self) -> float:
        return self._clock.now_ms() / 1000


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MAX_TIME:
        _refuse("time", f"The token's claim {name} must be a time.")
    return float(value)


def _refuse(reason: str, message: str | None = None) -> NoReturn:
    """Log the reason, but keep it out of the response, since anyone can send a token. Neither quotes it."""
    log.debug("token_refused", reason=reason)
    raise CredentialRefused(message)
