"""Refuses submissions of namespaces above their share while Redis is almost full."""

import structlog

from service.domain.errors import QuotaExceeded
from service.store.redis.connect import RedisClient, memory_use
from service.store.tenants.tenants import Tenants

#: From this part of maxmemory on.
PRESSURE = 0.85
#: Seconds until a refused client may try again.
RETRY_AFTER = 5

log = structlog.get_logger("triage.api")


class MemoryShares:
    """The namespaces that store more than their share of Redis' memory, as of the last refresh.

    Namespaces with quotas share the memory of their server equally, and all other data counts as one more of
    them. So a tenant that fills Redis is refused before the others notice, and what workers write still fits.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._tenants = Tenants(redis)
        self._over: dict[str, int] = {}

    def check(self, namespace: str) -> None:
        """Raises QuotaExceeded for a submission that would use more than the namespace's share."""
        share = self._over.get(namespace) if self._over else None
        if share is not None:
            error = QuotaExceeded.of("memory_share", share)
            error.retry_after = RETRY_AFTER
            raise error

    async def refresh(self) -> None:
        """Cheap unless Redis is almost full."""
        servers = await memory_use(self._redis)
        full = {
            server: (used, most)
            for server, (used, most) in servers.items()
            if most > 0 and used >= PRESSURE * most
        }
        stored = await self._tenants.stored_bytes(full) if full else {}
        over: dict[str, int] = {}
        for server, (_, most) in full.items():
            share = round(PRESSURE * most / (len(stored[server]) + 1))
            over |= {name: share for name, size in stored[server].items() if size > share}
        if full and over.keys() != self._over.keys():
            used, most = max(full.values(), key=lambda row: row[0] / row[1])
            log.warning("memory_almost_full", used=used, limit=most, refused=sorted(over)[:20])
        self._over = over
