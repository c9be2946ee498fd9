"""Runs one job in a process of its own, which can be killed and whose death harms no neighbour."""

import asyncio
import contextlib
import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any, Literal

import orjson

from service.domain.outcome import Failure
from service.settings import Settings
from workers import child
from workers.context import JobContext
from workers.invocation import Encoded, Handler
from workers.registry import Registry
from workers.relatives import Parked

#: Seconds between asking a process to end and killing it.
KILL_AFTER = 2.0

Kind = Literal["failed", "snooze", "rate_limited", "non_retryable"]


class ChildDied(Exception):
    """The process of this job died before it gave a verdict."""


class RemoteFailure(Exception):
    """The handler failed in its process; `failure` is what it said there."""

    def __init__(self, kind: Kind, failure: Failure, delay_ms: int | None) -> None:
        super().__init__(failure.message)
        self.kind = kind
        self.failure = failure
        self.delay_ms = delay_ms


class ChildProcesses:
    """Forks from a server process that has the handlers loaded: milliseconds per job after the first."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._paths = registry.paths
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["workers.child", *registry.paths])
        self._alive: set[Any] = set()

    async def run(self, handler: Handler, context: JobContext, payload: dict[str, Any]) -> object:
        """The result as JSON text; raises RemoteFailure or ChildDied."""
        ours, theirs = self._context.Pipe()
        task = child.Task(
            paths=self._paths,
            name=handler.name,
            payload=orjson.dumps(payload),
            job_id=context["job_id"],
            job_try=context["job_try"],
            enqueue_time=context["enqueue_time"].isoformat(),
            score=context["score"],
            max_result_bytes=self._settings.max_result_bytes,
            lease=context.lease,
            traceparent=context.get("traceparent"),
        )
        process = self._context.Process(target=child.main, args=(theirs, task, self._settings), daemon=True)
        # The first start also starts the server and loads the handlers: too long for the event loop.
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        try:
            await asyncio.shield(starting)
            theirs.close()
            self._alive.add(process)
            message = await self._converse(ours, context)
            if message is None:
                # Before _end: of two threads that wait for one process, one reads a wrong status.
                await asyncio.to_thread(process.join, KILL_AFTER)
                raise ChildDied(_describe_exit(process.exitcode))
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            raise
        finally:
            threading.Thread(target=self._end, args=(process, ours), daemon=True).start()
        return _result(message)

    async def _converse(self, connection: Connection, context: JobContext) -> dict[str, Any] | None:
        loop = asyncio.get_running_loop()
        messages: asyncio.Queue[bytes | None] = asyncio.Queue()

        def read() -> None:
            # A thread: a message of a megabyte would hold up the event loop while it trickles in.
            with contextlib.suppress(RuntimeError):
                try:
                    while True:
                        loop.call_soon_threadsafe(messages.put_nowait, connection.recv_bytes())
                except (EOFError, OSError):
                    loop.call_soon_threadsafe(messages.put_nowait, None)

        threading.Thread(target=read, daemon=True, name="child-reader").start()
        while (text := await messages.get()) is not None:
            kind, _, value = text.partition(b" ")
            if kind in (b"progress", b"log"):
                await context.report(kind.decode(), value)
            else:
                return {"kind": kind.decode(), "value": value}
        return None

    def _end(self, process: Any, connection: Connection) -> None:
        with contextlib.suppress(ValueError, AssertionError):
            if process.is_alive():
                process.terminate()
                process.join(KILL_AFTER)
            if process.is_alive():
                process.kill()
                process.join()
        connection.close()
        self._alive.discard(process)

    def close(self) -> None:
        for process in list(self._alive):
            with contextlib.suppress(ValueError, AssertionError):
                process.kill()


def _result(message: dict[str, Any]) -> object:
    if message["kind"] == "result":
        return Encoded(message["value"])
    if message["kind"] == "parked":
        raise Parked
    document = orjson.loads(message["value"])
    failure = Failure(document["type"], document["message"], document["traceback"])
    raise RemoteFailure(message["kind"], failure, document["delay_ms"])


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"The process that ran this job was ended by signal {-code}."
    return f"The process that ran this job ended with status {code} and no verdict."
