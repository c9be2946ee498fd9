"""The worker's Redis clients, except for the heartbeat thread's."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from service.settings import Settings
from service.store.leases import Leases
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.server_check import ServerProblem, find_problem
from workers.engine.pool import BLOCK_AT_MOST
from workers.handling.arq_client import TriageRedis
from workers.handling.registry import Registry

log = structlog.get_logger("triage.worker")


class Connections:
    """Connects at the first call; closed at the end of the process."""

    def __init__(self, settings: Settings, registry: Registry, new_id: Callable[[str], str]) -> None:
        self._url = settings.redis_url
        self._redis = connect(self._url)
        # Waiting for wake-ups blocks its connection.
        self._blocking = connect(
            self._url, socket_timeout=BLOCK_AT_MOST + 2, max_connections=1, peer=self._redis
        )
        self.namespace = _namespace(self._redis, settings)
        self.wake_ups: Leases = _namespace(self._blocking, settings).leases
        #: `ctx["redis"]`.
        self.for_handlers = TriageRedis(self._url, self.namespace, registry, new_id, peer=self._redis)

    async def find_problem(self) -> ServerProblem | None:
        """Why this Redis cannot be used; None if it can."""
        return await find_problem(self._redis, self._url)

    async def close(self) -> None:
        """May be called again: a client that is used afterwards opens new connections."""
        clients: list[Any] = [self._redis, self._blocking, self.for_handlers]
        closing = [client.aclose(close_connection_pool=True) for client in clients]
        for error in filter(None, await asyncio.gather(*closing, return_exceptions=True)):
            log.info("connection_not_closed", error=type(error).__name__)


def _namespace(redis: Any, settings: Settings) -> Namespace:
    return Namespace(redis, settings.namespace, settings.dead_retention_ms, max_queues=settings.max_queues)
