"""Finds the keys of a namespace: by SCAN, or, without the right to SCAN, from the indexes that name them."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from service.domain.states import State
from service.store.codec.fields import shown_text, texts
from service.store.queries import Pause
from service.store.redis.routing.repeats import repeat
from service.store.redis.scripts import Scripts

#: Keys, or members, that one call looks at.
COUNT = 500
#: Hashes and sets whose fields and members are names; all others are sorted sets.
HASHES = {"served", "subscriptions", "limiters", "busy", "dead", "limit_key_jobs"}
SETS = ("closed_lanes:",)


class KeyWalk:
    """One walk over the keys of a namespace. Every key that exists throughout is returned, some twice."""

    def __init__(self, scripts: Scripts, single: Iterable[str], pause: Pause) -> None:
        """`single`: keys without a name in them."""
        self._single = tuple(single)
        self._redis: Any = scripts.redis
        self._prefix = scripts.prefix
        self.pause = pause
        #: Whether this user may look through all keys; known after the first key.
        self.all_keys = True

    async def keys(self) -> AsyncIterator[str]:
        """Without the prefix. Raises BackendUnavailable."""
        pattern = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in self._prefix) + "*"
        cursor = 0
        while True:
            try:
                cursor, found = await self._call("scan", cursor, match=pattern, count=COUNT)
            except _Refused:
                self.all_keys = False
                break
            for key in found:
                yield shown_text(key).removeprefix(self._prefix)
            await self.pause()
            if not int(cursor):
                return
        async for key in self._named():
            yield key

    async def members(self, key: str) -> AsyncIterator[list[str]]:
        """The members of a sorted set or a set, the fields of a hash; in portions."""
        verb, cursor = "hscan" if key in HASHES else "sscan" if key.startswith(SETS) else "zscan", 0
        while True:
            cursor, found = await self._call(verb, self._prefix + key, cursor, count=COUNT)
            names: Any = [member for member, _ in found] if verb == "zscan" else list(found)
            if names:
                yield texts(names)
            await self.pause()
            if not int(cursor):
                return

    async def scores(self, key: str) -> AsyncIterator[int]:
        """The scores of a sorted set."""
        cursor = 0
        while True:
            cursor, found = await self._call("zscan", self._prefix + key, cursor, count=COUNT)
            for _, score in found:
                yield int(score)
            await self.pause()
            if not int(cursor):
                return

    async def values(self, key: str) -> AsyncIterator[list[str]]:
        """The values of a hash, in portions."""
        cursor = 0
        while True:
            cursor, found = await self._call("hscan", self._prefix + key, cursor, count=COUNT)
            yield texts(found.values())
            if not int(cursor):
                return

    async def numbers(self, key: str, names: Sequence[str]) -> dict[str, int]:
        """Fields of a hash, without absent ones."""
        found = await self._call("hmget", self._prefix + key, names)
        return {name: int(value) for name, value in zip(names, found, strict=True) if value is not None}

    async def length(self, key: str, field: str) -> int:
        """The bytes of a field."""
        return int(await self._call("hstrlen", self._prefix + key, field))

    async def _all(self, key: str) -> list[str]:
        return [name async for names in self.members(key) for name in names]

    async def _named(self) -> AsyncIterator[str]:
        """Keys that exist according to the indexes; they need not exist."""
        for key in self._single:
            yield key
        types = set(await self._all("ready"))
        queues = set(await self._all("queues"))
        for name in types:
            yield f"ready:{name}"
            queues.update(await self._all(f"ready:{name}"))
        for limiter in await self._all("closed_limiters"):
            yield f"closed_lanes:{limiter}"
            queues.update(_queue_of(limiter))
        for queue in queues:
            async for key in self._of_queue(queue):
                yield key
        for group in {
            *await self._all("groups:flow"),
            *await self._all("groups:fan"),
            *await self._all("staged"),
        }:
            yield f"group:{group}"
            yield f"group:{group}:jobs"
            yield f"payload:{group}"
        for print_ in await self._all("dead_groups"):
            yield f"dead_group:{print_}:jobs"
        for endpoint in (*await self._all("webhooks"), "callbacks"):
            yield f"webhook:{endpoint}"
            yield f"webhook:{endpoint}:pending"
        for target in await self._all("outbox"):
            yield f"outbox:{target}"
        for kind in ("unique", "follower"):
            for name in await self._all("unique_names"):
                yield f"{kind}:{name}"

    async def _of_queue(self, queue: str) -> AsyncIterator[str]:
        yield f"queue:{queue}"
        for suffix in (*(state.value for state in State), "due", "types", "keyed", "closed"):
            yield f"queue:{queue}|{suffix}"
        for name in await self._all(f"queue:{queue}|types"):
            yield f"queue:{queue}|lane:{name}|"
        for name in await self._all(f"queue:{queue}|keyed"):
            yield f"queue:{queue}|lanes:{name}"
            for lane in await self._all(f"queue:{queue}|lanes:{name}"):
                yield f"queue:{queue}|lane:{name}|{lane}"

    async def _call(self, verb: str, *arguments: Any, **options: Any) -> Any:
        async def send() -> Any:
            return await getattr(self._redis, verb)(*arguments, **options)

        try:
            return await send()
        except NoPermissionError as error:
            raise _Refused from error
        except (RedisError, OSError) as error:
            if verb == "scan" and isinstance(error, ResponseError):
                raise _Refused from error  # A managed service without SCAN.
            return await repeat(send, error, wrote=False)


class _Refused(Exception):
    pass


def _queue_of(limiter: str) -> Iterator[str]:
    kind, _, name = limiter.partition(":")
    if kind in ("queue", "key", "type", "rescan"):
        yield name.partition("|")[0]
