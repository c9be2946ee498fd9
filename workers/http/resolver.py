"""Looks up hosts in its own threads, so that an unresponsive name server cannot block the worker's."""

import asyncio
import contextlib
import socket
import threading
from weakref import WeakKeyDictionary

#: The most concurrent lookups. The system's resolver may take half a minute, even after all callers gave up.
MAX_LOOKUPS = 8

Addresses = list[str]


class Resolver:
    """Runs one lookup per host at a time, which its callers share; each has its own timeout."""

    def __init__(self, most: int = MAX_LOOKUPS) -> None:
        self._free = asyncio.Semaphore(most)
        self._lookups: dict[tuple[str, int], asyncio.Task[Addresses]] = {}
        self._waiting: dict[tuple[str, int], int] = {}
        #: The number of lookups with a thread.
        self._running: set[tuple[str, int]] = set()

    async def addresses(self, host: str, port: int) -> Addresses:
        """The distinct addresses of a host, in the resolver's order; raises OSError."""
        key = (host, port)
        if key not in self._lookups:
            task = self._lookups[key] = asyncio.create_task(self._resolve(key))
            task.add_done_callback(lambda done: self._forget(key, done))
        task = self._lookups[key]
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            return list(await asyncio.shield(task))
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                # After the last caller, a running lookup continues for the next one; a queued one is dropped.
                if key not in self._running:
                    self._forget(key, task)
                    task.cancel()

    def _forget(self, key: tuple[str, int], task: "asyncio.Task[Addresses]") -> None:
        if self._lookups.get(key) is task:
            del self._lookups[key]
        if task.done() and not task.cancelled():
            task.exception()

    async def _resolve(self, key: tuple[str, int]) -> Addresses:
        host, port = key
        await self._free.acquire()
        self._running.add(key)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Addresses] = loop.create_future()

        def ended(addresses: Addresses | None, error: Exception | None) -> None:
            self._free.release()
            self._running.discard(key)
            if found.done():
                return
            if error is not None:
                found.set_exception(error)
            else:
                found.set_result(addresses or [])

        def run() -> None:
            addresses, error = None, None
            try:
                rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
            except Exception as caught:  # UnicodeError, for a name that DNS cannot represent
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                loop.call_soon_threadsafe(ended, addresses, error)

        # A daemon thread, so that a hanging lookup does not keep the process alive.
        threading.Thread(target=run, name="resolver", daemon=True).start()
        return await found


_resolvers: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Resolver]]" = WeakKeyDictionary()


def resolver_of(namespace: str) -> Resolver:
    """The resolver of this event loop for a namespace.

    Each has its own, because names of one tenant that no server resolves must not hold up the others.
    """
    of_loop = _resolvers.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault(namespace, Resolver())
