"""Looks up hosts in its own threads: a name server that does not answer must not block the worker's."""

import asyncio
import contextlib
import socket
import threading
from weakref import WeakKeyDictionary

#: Lookups at a time. The system's resolver may try for half a minute, even if no caller waits any more.
MAX_LOOKUPS = 8

Addresses = list[str]


class Resolver:
    """One lookup per host at a time, however many callers wait; each decides how long it waits."""

    def __init__(self, most: int = MAX_LOOKUPS) -> None:
        self._free = asyncio.Semaphore(most)
        self._lookups: dict[tuple[str, int], asyncio.Task[Addresses]] = {}
        self._waiting: dict[tuple[str, int], int] = {}
        #: Those that have a thread.
        self._begun: set[tuple[str, int]] = set()

    async def addresses(self, host: str, port: int) -> Addresses:
        """Every address of a host, each once, in the resolver's order; raises OSError."""
        key = (host, port)
        if key not in self._lookups:
            task = self._lookups[key] = asyncio.create_task(self._look_up(key))
            task.add_done_callback(lambda done: self._forget(key, done))
        task = self._lookups[key]
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            return list(await asyncio.shield(task))
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                # A lookup that has a thread goes on, for the next caller; one that has none yet is dropped.
                if key not in self._begun:
                    self._forget(key, task)
                    task.cancel()

    def _forget(self, key: tuple[str, int], task: "asyncio.Task[Addresses]") -> None:
        if self._lookups.get(key) is task:
            del self._lookups[key]
        if task.done() and not task.cancelled():
            task.exception()

    async def _look_up(self, key: tuple[str, int]) -> Addresses:
        host, port = key
        await self._free.acquire()
        self._begun.add(key)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Addresses] = loop.create_future()

        def ended(addresses: Addresses | None, error: Exception | None) -> None:
            self._free.release()
            self._begun.discard(key)
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
            except Exception as caught:  # UnicodeError, for a name that no DNS can hold
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(ended, addresses, error)

        # A daemon thread: the process must be able to end while a lookup hangs.
        threading.Thread(target=run, name="resolver", daemon=True).start()
        return await found


_resolvers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Resolver]" = WeakKeyDictionary()


async def addresses(host: str, port: int) -> Addresses:
    """The addresses of a host, looked up by the resolver of this event loop."""
    resolver = _resolvers.setdefault(asyncio.get_running_loop(), Resolver())
    return await resolver.addresses(host, port)
