"""Reading an event stream, over HTTP and directly."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from service.api.resources.event_streams import Snapshot, StreamTiming, follow
from service.clock import Clock
from service.domain.errors import TriageError
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.api.running import Running

AT_ONCE = StreamTiming(heartbeat=20, pause=0)


@dataclass(frozen=True)
class Event:
    name: str | None
    #: The version of a resource, or a position in the log of changes.
    id: Any
    data: Any


async def parse(lines: AsyncIterator[str]) -> AsyncGenerator[Event]:
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            id = fields.get("id")
            id = int(id) if id is not None and id.isdecimal() else id
            yield Event(fields.get("event"), id, orjson.loads(fields["data"]))
        fields = {}


@contextlib.asynccontextmanager
async def following(running: Running, path: str, last: str | None = None) -> AsyncGenerator[Any]:
    """The events of an open stream; each must arrive within ten seconds."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with running.client() as http, http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        found = parse(response.aiter_lines())

        async def following() -> AsyncGenerator[Event]:
            while True:
                try:
                    yield await asyncio.wait_for(anext(found), 10)
                except StopAsyncIteration:
                    return

        yield following()


def rising(seen: Iterable[Event]) -> list[int]:
    versions = [event.id for event in seen if event.id is not None]
    assert versions == sorted(set(versions))
    return versions


class StatusReads:
    """Reads a job's status and counts the reads; returns the snapshots in `scripted` first."""

    def __init__(self, store: Namespace, id: str, *scripted: Snapshot | None) -> None:
        self._stores, self.id, self._scripted = store, id, list(scripted)
        self.count = self.checks = 0
        self.refusal: TriageError | None = None

    async def __call__(self) -> Snapshot | None:
        self.count += 1
        if self._scripted:
            return self._scripted.pop(0)
        job = await self._stores.queries.job_status(self.id)
        assert job is not None
        return Snapshot(job.version, False, {"state": job.state})

    def follow(self, timing: StreamTiming = AT_ONCE) -> AsyncGenerator[bytes]:
        return follow(self._stores.change_feed, self.id, self, None, Clock(), timing, self.check)

    async def check(self) -> None:
        self.checks += 1
        if self.refusal is not None:
            raise self.refusal

    async def change(self) -> None:
        client: Any = self._stores.scripts.redis
        await client.publish(self._stores.scripts.prefix + keys.CHANGES, self.id)


async def after(stream: AsyncGenerator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(stream), 10)
