"""Runs the Lua commands, and translates their errors.

They are functions of the server (FUNCTION LOAD), because a script builds all its libraries at each call
(docs/adr/0049).
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from service.store.redis import keys
from service.store.redis.connect import blocking_client_for, client_for, server_of
from service.store.redis.errors import translate
from service.store.redis.function_library import FunctionLibrary, Refusals, is_missing
from service.store.redis.lua_source import digest, function, source, writes
from service.store.redis.routing.repeats import repeat

Argument = str | bytes | int | float

#: Default limit of queues per namespace.
MAX_QUEUES = 1_000
#: Calls of a function, which may be missing once before it is loaded.
TRIES = 2


class BlockingScripts:
    """The scripts for a thread without an event loop; does not retry."""

    def __init__(self, redis: BlockingRedis, namespace: str) -> None:
        self.namespace = namespace
        self.prefix = keys.prefix(namespace)
        self.redis = blocking_client_for(redis, self.prefix)
        self._refusals = Refusals(time.monotonic)

    def run(self, name: str, arguments: Sequence[Argument], now: str = "") -> Any:
        """Raises BackendUnavailable, OutcomeUnknown or StorageFull."""
        try:
            return self._send(name, arguments, now)
        except (RedisError, OSError) as error:
            raise translate(error, wrote=writes(name)) from error

    @property
    def server(self) -> str:
        """The same for all namespaces whose calls now reach the same server."""
        return server_of(self.redis)

    def _send(self, name: str, arguments: Sequence[Argument], now: str) -> Any:
        client: Any = self.redis
        if not self._refusals.last:
            try:
                return client.fcall(function(name), 1, self.prefix, now, *arguments)
            except NoPermissionError:
                self._refusals.note()
            except ResponseError as error:
                if not is_missing(error):
                    raise
                # The heartbeat loads nothing: other calls of the process do.
        try:
            return client.evalsha(digest(name), 1, self.prefix, now, *arguments)
        except NoScriptError:
            return client.eval(source(name), 1, self.prefix, now, *arguments)

    def wait_for_inbox(self, worker_id: str, seconds: float) -> bool:
        """Block until the worker's inbox has a marker; False after `seconds`."""
        client: Any = self.redis
        try:
            return client.bzpopmin(keys.inbox(self.prefix, worker=worker_id), seconds) is not None
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error


class Scripts:
    """The scripts of one namespace, whose keys are in one slot.

    Every script is safe to send twice, so a call whose reply was lost is retried once with the same arguments
    before an error reaches the caller.
    """

    def __init__(
        self, redis: Redis, namespace: str = "", max_queues: int = MAX_QUEUES, prefix: str | None = None
    ) -> None:
        """`prefix`: for keys outside a namespace."""
        self.namespace = namespace
        self.prefix = keys.prefix(namespace) if prefix is None else prefix
        self.redis = client_for(redis, self.prefix)
        #: The limit of queues per namespace, an argument of scripts that create queues.
        self.max_queues = max_queues
        #: Replaces the server's clock in tests, in unix ms.
        self.now = ""
        self._refusals = Refusals(time.monotonic)
        # On the master of the namespace: each master of a cluster has its own functions.
        self._library = FunctionLibrary(self.redis, self._refusals)

    async def run(self, name: str, arguments: Sequence[Argument], now: str = "") -> Any:
        """Run a script; `now` replaces `self.now` for this call.

        Raises BackendUnavailable (nothing was applied), OutcomeUnknown (it may have been), StorageFull.
        """
        try:
            return await self._send(name, arguments, now or self.now)
        except (TimeoutError, RedisError, OSError) as error:
            again = partial(self._send, name, arguments, now or self.now)
            return await repeat(again, error, wrote=writes(name))

    async def _send(self, name: str, arguments: Sequence[Argument], now: str) -> Any:
        client: Any = self.redis
        for _ in range(TRIES):
            if self._refusals.last:
                break
            try:
                return await client.fcall(function(name), 1, self.prefix, now, *arguments)
            except NoPermissionError:
                self._refusals.note()
            except ResponseError as error:
                if not is_missing(error):
                    raise
                await self._library.load()
        try:
            return await client.evalsha(digest(name), 1, self.prefix, now, *arguments)
        except NoScriptError:
            return await client.eval(source(name), 1, self.prefix, now, *arguments)
