"""The issuer's signing keys as this process knows them: fetched rarely, and shared by all requests."""

import asyncio
import math

import structlog
from jwt import PyJWK

from service.api.auth.jwks import FetchFailed, fetch
from service.api.auth.signing_keys import KeySetInvalid, SigningKeys, read_signing_keys
from service.api.responses.errors import IssuerUnavailable
from service.clock import Clock
from service.tasks import end

#: Seconds after which keys are asked for again: as long does one live on that the issuer has withdrawn.
REFRESH_SECONDS = 300.0
#: Seconds between two questions, whatever tokens say of keys that nobody knows.
SPACING_SECONDS = 30.0
#: The same while there are no keys at all.
FIRST_SPACING_SECONDS = 2.0
#: Seconds that keys stay in use while the issuer is away: longer than a night, and than tokens live.
USABLE_SECONDS = 86_400.0
#: Seconds that a request waits for an answer; the question goes on behind it.
WAIT_SECONDS = 2.0

log = structlog.get_logger("triage.api")


class Issuer:
    """One fetch at a time, shared by all who wait for it; `close` cancels it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: SigningKeys | None = None
        self._fetched_at = 0.0
        self._asked_at = -math.inf
        self._question: asyncio.Task[None] | None = None
        self._away = False

    async def key(self, kid: str, algorithm: str) -> PyJWK | None:
        """None for a key that the issuer does not have; raises IssuerUnavailable if that is unknown."""
        keys = self._usable()
        if keys is None or (kid, algorithm) not in keys:
            await self._ask(WAIT_SECONDS)
            keys = self._usable()
        if keys is None:
            raise IssuerUnavailable()
        return keys.get((kid, algorithm))

    async def keep_asking(self) -> None:
        """Runs until it is cancelled: no request waits for keys that the issuer has had for a while."""
        while True:
            await self._ask(None)
            # Since the last question, which may have been a request's: keys never become older than that.
            pause = self._spacing() if self._away else REFRESH_SECONDS
            await asyncio.sleep(max(0.0, self._asked_at + pause - self._clock.monotonic()))

    async def close(self) -> None:
        if self._question is not None:
            await end([self._question])

    def _usable(self) -> SigningKeys | None:
        old = self._clock.monotonic() - self._fetched_at >= USABLE_SECONDS
        return None if old else self._keys

    def _spacing(self) -> float:
        return FIRST_SPACING_SECONDS if self._usable() is None else SPACING_SECONDS

    async def _ask(self, seconds: float | None) -> None:
        """Returns when a fetch has completed, completed a moment ago, or has taken that long."""
        now = self._clock.monotonic()
        if self._question is None or self._question.done():
            if now - self._asked_at < self._spacing():
                return
            self._asked_at = now
            self._question = asyncio.create_task(self._fetch())
        # A request that is cancelled leaves the question to the others.
        await asyncio.wait({self._question}, timeout=seconds)

    async def _fetch(self) -> None:
        was_away, self._away = self._away, True
        try:
            keys = read_signing_keys(await fetch(self._url))
        except (FetchFailed, KeySetInvalid) as error:
            if not was_away:
                reason = error.reason if isinstance(error, FetchFailed) else "invalid"
                log.warning("signing_keys_unavailable", reason=reason)
            return
        if was_away or self._keys is None or keys.keys() != self._keys.keys():
            log.info("signing_keys_read", usable=len(keys))
        self._keys, self._fetched_at, self._away = keys, self._clock.monotonic(), False
