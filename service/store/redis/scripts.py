"""Loads and runs the Lua scripts, and translates their errors."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache, partial
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from service.store.redis import keys
from service.store.redis.connect import client_for
from service.store.redis.errors import translate
from service.store.redis.repeats import repeat

Argument = str | bytes | int | float

#: Default limit of queues per namespace.
MAX_QUEUES = 1_000

#: A library with this comment is built at its first use in a call, because most calls do not need it.
_LAZY = "\n-- Loaded when it is first used.\n"
_ON_DEMAND = """\
local on_demand = {__index = function(library, name)
  local exports = library[1]()
  setmetatable(library, {__index = exports})
  return exports[name]
end}"""
_USES = re.compile(r"^-- Uses: (.+)$", re.MULTILINE)


#: `commands` has one script per verb, `lib` has shared libraries.
FOLDER = files("service.store") / "lua"


def uses(text: str) -> list[str]:
    """The libraries that a command or a library names in its `Uses` lines."""
    return [name for line in _USES.findall(text) for name in line.split(", ")]


@cache
def library(name: str) -> str:
    return (FOLDER / "lib" / f"{name}.lua").read_text()


def assemble(text: str) -> str:
    """The source of a command with each library that it needs, once, as a table after the first line.

    Libraries come after the ones that they use. Raises CycleError.
    """
    graph: dict[str, list[str]] = {}
    missing = uses(text)
    while missing:
        name = missing.pop()
        if name not in graph:
            graph[name] = uses(library(name))
            missing += graph[name]
    flags, _, body = text.partition("\n")
    order = TopologicalSorter(dict(sorted(graph.items()))).static_order()
    return "\n".join([flags, _ON_DEMAND, *map(_wrapped, order), body])


def _wrapped(name: str) -> str:
    text = library(name)
    if _LAZY in text:
        return f"local {name} = setmetatable({{function()\n{text}end}}, on_demand)"
    return f"local {name} = (function()\n{text}end)()"


@cache
def source(name: str) -> str:
    return assemble((FOLDER / "commands" / f"{name}.lua").read_text())


@cache
def writes(name: str) -> bool:
    return "no-writes" not in source(name).partition("\n")[0]


@cache
def digest(name: str) -> str:
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class BlockingScripts:
    """The scripts for a thread without an event loop; does not retry."""

    def __init__(self, redis: BlockingRedis, namespace: str) -> None:
        self.redis = redis
        self.prefix = keys.prefix(namespace)

    def run(self, name: str, arguments: Sequence[Argument], now: str = "") -> Any:
        """Raises BackendUnavailable, OutcomeUnknown or StorageFull."""
        client: Any = self.redis
        try:
            try:
                return client.evalsha(digest(name), 1, self.prefix, now, *arguments)
            except NoScriptError:
                return client.eval(source(name), 1, self.prefix, now, *arguments)
        except (RedisError, OSError) as error:
            raise translate(error, wrote=writes(name)) from error

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

    def __init__(self, redis: Redis, namespace: str, max_queues: int = MAX_QUEUES) -> None:
        self.namespace = namespace
        self.prefix = keys.prefix(namespace)
        self.redis = client_for(redis, self.prefix)
        #: The limit of queues per namespace, an argument of scripts that create queues.
        self.max_queues = max_queues
        #: Replaces the server's clock in tests, in unix ms.
        self.now = ""

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
        try:
            return await client.evalsha(digest(name), 1, self.prefix, now, *arguments)
        except NoScriptError:
            return await client.eval(source(name), 1, self.prefix, now, *arguments)
