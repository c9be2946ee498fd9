"""API keys while the master that has them does not respond: in a cluster, other namespaces are not on it."""

from pathlib import Path

import pytest

from service.api.auth.credentials import AWAY_PAUSE, AWAY_SECONDS, CACHE_SECONDS, Authenticator
from service.api.responses.errors import CredentialRefused
from service.domain.errors import BackendUnavailable
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.store.tenants.access_keys import AccessKeys
from tests.api.keys import authorization
from tests.support.manual_clock import ManualClock


async def test_known_keys_stay_valid_for_a_minute(tmp_path: Path, server_binary: Path) -> None:
    clock = ManualClock()
    with EmbeddedServer(tmp_path, server_binary) as server:
        redis = connect(server.url)
        authenticator = Authenticator(AccessKeys(redis), clock, None)
        expires = clock.now_ms() + 1000 * round(2 * CACHE_SECONDS)
        known, other, short = [
            (await authorization(redis, "acme", expires_at=at))["Authorization"]
            for at in (None, None, expires)
        ]
        for header in (known, short):
            await authenticator.identify(header)
        server.kill()
        for _ in range(2):
            clock.advance(CACHE_SECONDS)
            assert (await authenticator.identify(known)).namespace == "acme"
        with pytest.raises(BackendUnavailable):
            await authenticator.identify(other)
        with pytest.raises(CredentialRefused, match="expired"):
            await authenticator.identify(short)
        clock.advance(AWAY_SECONDS)
        with pytest.raises(BackendUnavailable):
            await authenticator.identify(known)
        # A key that was revoked meanwhile is refused as soon as Redis responds.
        server.start()
        await authenticator.identify(known)
        ids = [key.id for key in await authenticator.keys.list()]
        server.kill()
        clock.advance(CACHE_SECONDS)
        await authenticator.identify(known)
        server.start()
        for id in ids:
            await authenticator.keys.revoke(id)
        assert (await authenticator.identify(known)).namespace == "acme"
        clock.advance(AWAY_PAUSE)
        with pytest.raises(CredentialRefused):
            await authenticator.identify(known)
        await redis.aclose()
