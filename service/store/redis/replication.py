"""Confirms that a replica has what was written, for clients that want to survive the loss of the master."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from redis.exceptions import RedisError

from service.domain.errors import NotReplicated
from service.store.redis import keys
from service.store.redis.scripts import Scripts

#: The longest single WAIT in ms: calls have a time-out (SOCKET_TIMEOUT).
LONGEST_WAIT_MS = 400
#: The pause after an error, in seconds.
PAUSE = 0.05
#: How long the marker is kept after the last confirmation, in seconds.
MARKER_SECONDS = 60

log = structlog.get_logger("triage.store")


class Replication:
    """Calls that arrive while a confirmation is in progress share the next one.

    Each asks the server whether the keys exist, writes a marker, and waits for a replica to have it, over one
    connection. Replicas apply writes in order, so one that has the marker has the keys, even if the server
    has become the master only since they were written.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._marker = keys.replicated(scripts.prefix)
        self._waiting: list[tuple[set[str], asyncio.Future[bool]]] = []
        self._running: asyncio.Task[None] | None = None

    async def confirm(self, ids: Sequence[str], seconds: float) -> None:
        """Return when a replica has these jobs, groups and idempotency records; the latter by digest.

        Raises NotReplicated after `seconds`, and for one that does not exist: a failover may have lost it.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(({self._key(id) for id in ids}, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(seconds))
        if not await future:
            raise NotReplicated()

    async def _run(self, seconds: float) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            confirmed = [False] * len(batch)
            try:
                confirmed = await self._confirm([written for written, _ in batch], seconds)
            finally:
                for (_, future), found in zip(batch, confirmed, strict=True):
                    if not future.done():
                        future.set_result(found)

    async def _confirm(self, batch: Sequence[set[str]], seconds: float) -> list[bool]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0:
            try:
                *counts, _, replicas = await self._ask(
                    batch, min(LONGEST_WAIT_MS, max(1, round(left * 1000)))
                )
            except (RedisError, OSError) as error:
                log.info("replication_not_confirmed", error=type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            if replicas:
                return [count == len(written) for count, written in zip(counts, batch, strict=True)]
        return [False] * len(batch)

    def _key(self, id: str) -> str:
        prefix = self._scripts.prefix
        match id.partition("_")[0]:
            case "job":
                return keys.job(prefix, id=id)
            case "flow" | "fan":
                return keys.group(prefix, group=id)
            case _:
                return keys.idempotency(prefix, digest=id)

    async def _ask(self, batch: Sequence[set[str]], wait_ms: int) -> list[Any]:
        client: Any = self._scripts.redis
        pipe = client.pipeline(transaction=False)
        for written in batch:
            pipe.exists(*written)
        pipe.set(self._marker, 1, ex=MARKER_SECONDS)
        pipe.execute_command("WAIT", 1, wait_ms)
        return await pipe.execute()
