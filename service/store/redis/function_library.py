"""The commands as functions of a server, and which calls run them as scripts instead.

There is one library per version of Triage that ran on the server. Libraries are replicated and are part of
snapshots and of the append-only file, so a restart loads nothing.

A process that loads a function decides what others run when they call it. A script is named by its digest, so
it has no such risk. That is why the users of workers may not load functions (docs/how-to/set-up-redis.md):
until an API process has loaded them, their calls are scripts.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from service.store.redis.lua_source import functions, version

#: Patterns of names, for FUNCTION LIST.
ALL, CURRENT = "triage_*", f"triage_*_{version()}"
#: A rolling upgrade has two versions at a time; a rollback returns to the one before. A process whose library
#: was deleted loads it again.
KEPT = 4
#: Seconds until a process whose functions were refused tries again.
PAUSE = 10.0
#: A server that is full takes no functions, but it runs the scripts that free memory.
REFUSALS = (NoPermissionError, OutOfMemoryError)


class Refusals:
    """Whether this process calls functions now, or scripts because the server has refused functions."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = 0.0

    def note(self) -> None:
        self._until = self._monotonic() + PAUSE

    @property
    def last(self) -> bool:
        """Whether the last refusal is too recent for another try."""
        return self._until > 0 and self._monotonic() < self._until


class FunctionLibrary:
    """The functions of this version on one server."""

    def __init__(self, redis: Redis, refusals: Refusals) -> None:
        self._redis = redis
        self._refusals = refusals
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Load the functions unless they are there; a refusal is noted. Raises RedisError."""
        client: Any = self._redis
        # The text is large, and all callers of a new server find it missing at once.
        async with self._loading:
            if self._refusals.last:
                return
            try:
                if await client.function_list(CURRENT):
                    return
                await client.function_load(functions(name_at((await client.time())[0])))
                for name in surplus(await client.function_list(ALL)):
                    await client.function_delete(name)
            except REFUSALS:
                self._refusals.note()
            except ResponseError as error:
                # Names of functions are unique among all libraries, so another process was first.
                if "already exists" not in str(error):
                    raise


def name_at(seconds: int) -> str:
    """The name of a library that is loaded at this Unix time."""
    return f"triage_{seconds:010d}_{version()}"


def is_missing(error: ResponseError) -> bool:
    return "Function not found" in str(error)


def surplus(libraries: list[Any]) -> list[str]:
    """The libraries to delete, of a reply of FUNCTION LIST."""
    return sorted(_name(library) for library in libraries)[:-KEPT]


def _name(library: Any) -> str:
    # In RESP2 an entry is a flat list of names and values.
    fields = library if isinstance(library, list) else [part for pair in library.items() for part in pair]
    words = [word.decode() if isinstance(word, bytes) else word for word in fields]
    return words[words.index("library_name") + 1]
