"""The worker's Redis clients, except for the heartbeat thread's."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from service.settings import Settings
from service.store.changes.subscriber import Subscriber
from service.store.leases import Leases
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import client_for, connect, master_of
from service.store.redis.server_check import ServerProblem, find_problem
from service.store.tenants.tenants import Tenants
from workers.engine.pool import BLOCK_AT_MOST
from workers.handling.arq_client import TriageRedis
from workers.handling.registry import Registry

#: How long a successful check of Redis holds, in seconds.
CHECK_SECONDS = 1.0

log = structlog.get_logger("triage.worker")


class Connections:
    """Connects at the first call; closed at the end of the process. All namespaces share the connections.

    Only handlers have their own for each namespace, because they may close them.
    """

    def __init__(self, settings: Settings, registry: Registry, new_id: Callable[[str], str]) -> None:
        self._settings = settings
        self._registry = registry
        self._new_id = new_id
        self._url = settings.redis_url
        self._redis = connect(self._url)
        # Waiting for wake-ups blocks its connection.
        self._blocking = connect(
            self._url, socket_timeout=BLOCK_AT_MOST + 2, max_connections=1, peer=self._redis
        )
        #: By server: for the wake-ups and messages of several namespaces.
        self._subscribers: dict[str, Subscriber] = {}
        #: For handlers that wait for jobs, in any namespace.
        self._waiting = Subscriber(client_for(self._redis, keys.prefix(settings.namespace)))
        self.tenants = Tenants(self._redis)
        self._of_handlers: list[TriageRedis] = []
        self._checking = asyncio.Lock()
        self._checked_at = -CHECK_SECONDS

    def namespace(self, name: str) -> Namespace:
        return self._namespace(self._redis, name)

    def wake_ups(self, name: str) -> Leases:
        """For calls that block."""
        return self._namespace(self._blocking, name).leases

    def for_handlers(self, namespace: Namespace) -> TriageRedis:
        """`ctx["redis"]` of one namespace."""
        client = TriageRedis(self._url, namespace, self._registry, self._new_id, peer=self._redis)
        self._of_handlers.append(client)
        return client

    def subscriber(self, namespace: Namespace) -> Subscriber:
        """For the messages of a namespace, shared by all on its server; call it once Redis has responded."""
        server = master_of(self._redis, namespace.scripts.prefix)
        if server not in self._subscribers:
            self._subscribers[server] = Subscriber(namespace.scripts.redis)
        return self._subscribers[server]

    async def unsubscribe(self) -> None:
        await asyncio.gather(*(each.close() for each in (self._waiting, *self._subscribers.values())))

    async def forget(self, client: TriageRedis) -> None:
        """Close a client of handlers."""
        self._of_handlers.remove(client)
        await _close([client])

    async def find_problem(self) -> ServerProblem | None:
        """Why this Redis cannot be used; None if it can. One check serves all namespaces that start."""
        async with self._checking:
            now = asyncio.get_running_loop().time()
            if now - self._checked_at < CHECK_SECONDS:
                return None
            problem = await find_problem(self._redis, self._url)
            if problem is None:
                self._checked_at = now
            return problem

    async def close(self) -> None:
        """May be called again: a client that is used afterwards opens new connections."""
        await self.unsubscribe()
        await _close([self._redis, self._blocking, *self._of_handlers])

    def _namespace(self, redis: Any, name: str) -> Namespace:
        settings = self._settings
        return Namespace(redis, name, settings.dead_retention_ms, self._waiting, settings.max_queues)


async def _close(clients: list[Any]) -> None:
    closing = [client.aclose(close_connection_pool=True) for client in clients]
    for error in filter(None, await asyncio.gather(*closing, return_exceptions=True)):
        log.info("connection_not_closed", error=type(error).__name__)
