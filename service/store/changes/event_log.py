"""Reads the log of changes of one namespace, once for all event streams of this process."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from itertools import islice
from typing import Any

from redis.exceptions import RedisError

from service.domain.event import Event, Gap, Position
from service.store.changes.change_feed import ChangeFeed
from service.store.codec.history.events import decode_entry
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Scripts
from service.tasks import end

#: Stands for every job, group and queue (event_log.lua).
EVERYTHING = "*"
#: Changes that the process keeps; a stream that falls further behind loses some.
KEPT = 5_000
#: Entries per read, and changes that a stream takes in one step.
ENTRIES, STEP = 500, 200
#: How long changes are collected before they are read, in seconds.
PAUSE = 0.1
#: How long a reader runs without a stream, in seconds.
IDLE_SECONDS = 10.0

Change = tuple[Position, Event | Gap]


class EventLog:
    """Starts a reader with the first stream."""

    def __init__(self, scripts: Scripts, change_feed: ChangeFeed) -> None:
        self._redis: Any = scripts.redis
        self._key = keys.events(scripts.prefix)
        self._change_feed = change_feed
        self._reader: _Reader | None = None

    async def start(self) -> "_Reader":
        """The reader, which will read every later change; raises BackendUnavailable."""
        if self._reader is None or self._reader.closing:
            self._reader = _Reader(self, self._change_feed)
        await self._reader.wait_until_started()
        return self._reader

    async def close(self) -> None:
        """End the reader, and with it every stream."""
        if self._reader is not None:
            await self._reader.close()

    @contextlib.asynccontextmanager
    async def follow(self, after: Position | None) -> "AsyncGenerator[Stream]":
        """A stream of the changes after a position, or from now on; raises BackendUnavailable."""
        reader = await self.start()
        stream = Stream(self, reader)
        reader.streams.add(stream)
        try:
            await stream.begin(after)
            yield stream
        finally:
            reader.streams.discard(stream)

    async def read(self, after: Position) -> tuple[list[Change], bool]:
        """Changes after a position, and whether there are more."""
        entries = await self._call("zrangebyscore", self._key, after.entry, "+inf", 0, ENTRIES)
        changes = [change for entry in entries for change in decode_entry(entry) if change[0] > after]
        return changes, len(entries) == ENTRIES

    async def holds(self, position: Position) -> bool:
        """Whether the log still has this entry, and so every later one."""
        return bool(await self._call("zcount", self._key, position.entry, position.entry))

    async def newest(self) -> Position:
        """The position of the last change."""
        entries = await self._call("zrange", self._key, -1, -1)
        return decode_entry(entries[0])[-1][0] if entries else Position(0, 0)

    async def _call(self, verb: str, *arguments: Any) -> Any:
        try:
            return await getattr(self._redis, verb)(*arguments)
        except (RedisError, OSError) as error:
            raise translate(error, wrote=False) from error


class _Reader:
    """Keeps the last changes for its streams; ends some seconds after the last one, or with an error."""

    def __init__(self, log: EventLog, change_feed: ChangeFeed) -> None:
        self._log = log
        self._change_feed = change_feed
        self._started = asyncio.Event()
        self.streams: set[Stream] = set()
        #: The last changes, the number of the first of them, and the position before it.
        self.changes: deque[Change] = deque()
        self.first = 0
        self.before = self.last = Position(0, 0)
        #: Nothing more will come.
        self.closing = False
        self._task = asyncio.create_task(self._run())
        # Streams and callers raise its error, so asyncio need not log it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def wait_until_started(self) -> None:
        started = asyncio.ensure_future(self._started.wait())
        try:
            await asyncio.wait({started, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([started])
        self.check()

    def check(self) -> None:
        """Raises the error that ended this reader."""
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def close(self) -> None:
        self.closing = True
        await end([self._task])
        self._wake()

    async def _run(self) -> None:
        try:
            while not self.closing:
                await self._follow()
        finally:
            self.closing = True
            # The streams find out that the task is done.
            asyncio.get_running_loop().call_soon(self._wake)

    async def _follow(self) -> None:
        """Read until the subscription is lost, the process stops, or no stream is left."""
        loop = asyncio.get_running_loop()
        # The stream that starts a reader joins it a moment later.
        needed = loop.time()
        async with self._change_feed.watch(EVERYTHING) as changed:
            if not self._started.is_set():
                self.before = self.last = await self._log.newest()
                self._started.set()
            elif not await self._log.holds(self.last):
                # Too much has changed meanwhile, or Redis has lost its last writes.
                self._add([(await self._log.newest(), Gap("too_old"))])
            while not changed.lost:
                changed.clear()
                changes, more = await self._log.read(self.last)
                self._add(changes)
                if more:
                    continue
                needed = loop.time() if self.streams else needed
                if changed.last or loop.time() - needed >= IDLE_SECONDS:
                    self.closing = True
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), IDLE_SECONDS)
                    await asyncio.sleep(PAUSE)

    def _add(self, changes: list[Change]) -> None:
        if not changes:
            return
        self.changes.extend(changes)
        self.last = changes[-1][0]
        while len(self.changes) > KEPT:
            self.before, _ = self.changes.popleft()
            self.first += 1
        self._wake()

    def _wake(self) -> None:
        for stream in self.streams:
            stream.changed.set()


class Stream:
    """One client's place in the log. It holds no changes, so a slow client takes no memory."""

    def __init__(self, log: EventLog, reader: _Reader) -> None:
        self._log = log
        self._reader = reader
        self.changed = asyncio.Event()
        #: The position of the last change taken.
        self.position = Position(0, 0)
        #: The number of the next change to take from the reader; None: still reading older ones from Redis.
        self._next: int | None = 0
        self._gap: Gap | None = None

    async def begin(self, after: Position | None) -> None:
        if after is None:
            self._skip()
        elif after > self._reader.last or not await self._log.holds(after):
            self._skip()
            self._gap = Gap("too_old")
        else:
            self.position, self._next = after, self._number_after(after)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, because the process stops."""
        return self._reader.closing

    async def take(self) -> list[Change]:
        """The next changes, none if there are none now; raises BackendUnavailable."""
        self.changed.clear()
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return [(self.position, gap)]
        if self._next is None:
            return await self._take_older()
        if self._next < self._reader.first:
            self._skip()
            return [(self.position, Gap("too_slow"))]
        start = self._next - self._reader.first
        changes = list(islice(self._reader.changes, start, start + STEP))
        if changes:
            self._next += len(changes)
            self.position = changes[-1][0]
        else:
            self._reader.check()
        return changes

    async def _take_older(self) -> list[Change]:
        """Changes that the reader does not keep."""
        if not await self._log.holds(self.position):
            self._skip()
            return [(self.position, Gap("too_slow"))]
        changes, _ = await self._log.read(self.position)
        changes = [change for change in changes if change[0] <= self._reader.last]
        if changes:
            self.position = changes[-1][0]
        self._next = self._number_after(self.position)
        return changes

    def _number_after(self, position: Position) -> int | None:
        """The number of the first change after a position; None if the reader no longer keeps it."""
        reader = self._reader
        if position < reader.before:
            return None
        later = sum(1 for place, _ in reader.changes if place > position)
        return reader.first + len(reader.changes) - later

    def _skip(self) -> None:
        reader = self._reader
        self.position, self._next = reader.last, reader.first + len(reader.changes)
