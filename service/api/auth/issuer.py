"""Caches the issuer's signing keys: fetches them rarely, and shares them among all requests."""

import asyncio
import math

import structlog
from jwt import PyJWK

from service.api.auth.jwks import FetchFailed, fetch
from service.api.auth.signing_keys import KeySetInvalid, SigningKeys, read_signing_keys
from service.api.responses.errors import IssuerUnavailable
from service.clock import Clock
from service.tasks import end

#: How often to fetch keys, in seconds, and so how long a withdrawn key may still work.
REFRESH_SECONDS = 300.0
#: The shortest interval between fetches, in seconds, however many tokens name unknown keys.
SPACING_SECONDS = 30.0
#: The same while this process has no keys.
FIRST_SPACING_SECONDS = 2.0
#: How long keys stay in use while the issuer is unavailable, in seconds: longer than a night, or a token.
USABLE_SECONDS = 86_400.0
#: How long a request waits for a fetch, in seconds; the fetch continues afterwards.
WAIT_SECONDS = 2.0

log = structlog.get_logger("triage.api")


class Issuer:
    """Runs one fetch at a time, which all waiting requests share; `close` cancels it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: SigningKeys | None = None
        self._fetched_at = 0.0
        self._fetch_began_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self._unavailable = False

    async def key(self, kid: str, algorithm: str) -> PyJWK | None:
        """Find a key; None if the issuer does not have it. Raises IssuerUnavailable if that is unknown."""
        keys = self._usable()
        if keys is None or (kid, algorithm) not in keys:
            await self._refresh(WAIT_SECONDS)
            keys = self._usable()
        if keys is None:
            raise IssuerUnavailable()
        return keys.get((kid, algorithm))

    async def keep_fresh(self) -> None:
        """Refresh the keys until cancelled, so that requests rarely have to wait for a fetch."""
        while True:
            await self._refresh(None)
            # Counted from the last fetch, which a request may have started.
            pause = self._spacing() if self._unavailable else REFRESH_SECONDS
            await asyncio.sleep(max(0.0, self._fetch_began_at + pause - self._clock.monotonic()))

    async def close(self) -> None:
        if self._fetching is not None:
            await end([self._fetching])

    def _usable(self) -> SigningKeys | None:
        old = self._clock.monotonic() - self._fetched_at >= USABLE_SECONDS
        return None if old else self._keys

    def _spacing(self) -> float:
        return FIRST_SPACING_SECONDS if self._usable() is None else SPACING_SECONDS

    async def _refresh(self, seconds: float | None) -> None:
        """Wait up to `seconds` for a fetch, unless one has just completed."""
        now = self._clock.monotonic()
        if self._fetching is None or self._fetching.done():
            if now - self._fetch_began_at < self._spacing():
                return
            self._fetch_began_at = now
            self._fetching = asyncio.create_task(self._fetch())
        # `wait` never cancels the fetch, which other requests share.
        await asyncio.wait({self._fetching}, timeout=seconds)

    async def _fetch(self) -> None:
        was_away, self._unavailable = self._unavailable, True
        try:
            keys = read_signing_keys(await fetch(self._url))
        except (FetchFailed, KeySetInvalid) as error:
            if not was_away:
                reason = error.reason if isinstance(error, FetchFailed) else "invalid"
                log.warning("signing_keys_unavailable", reason=reason)
            return
        if was_away or self._keys is None or keys.keys() != self._keys.keys():
            log.info("signing_keys_read", usable=len(keys))
        self._keys, self._fetched_at, self._unavailable = keys, self._clock.monotonic(), False
