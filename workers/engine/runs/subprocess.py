"""Runs a job in a subprocess, which can be killed and can die without harm to other jobs."""

import asyncio
import contextlib
import multiprocessing
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any, Literal

import orjson

from service.domain.outcome import Failure
from service.settings import Settings
from service.tasks import end, within
from workers.calls.invocation import Encoded, Handler
from workers.engine.runs import process_main
from workers.engine.runs.process_context import Task
from workers.engine.runs.slots import Slot
from workers.handling.cancel_notice import outlast_first_cancel
from workers.handling.context import JobContext
from workers.handling.dependencies import WaitingForChildren
from workers.handling.registry import Registry

#: The time between SIGTERM and SIGKILL, in seconds.
KILL_AFTER = 2.0
#: How long a process that got SIGTERM waits for the drain of its worker, in seconds.
DRAIN_FOLLOWS = 1.0

Kind = Literal["failed", "cancelled", "snooze", "rate_limited", "non_retryable"]


class SubprocessDied(Exception):
    """The subprocess that ran this job died before it reported an outcome."""


class RemoteFailure(Exception):
    """The handler failed in its subprocess; `failure` describes the exception."""

    def __init__(self, kind: Kind, failure: Failure, delay_ms: int | None) -> None:
        super().__init__(failure.message)
        self.kind = kind
        self.failure = failure
        self.delay_ms = delay_ms


class Subprocesses:
    """Forks from a server process that has imported the handlers, which takes milliseconds per job."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._paths = registry.paths
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["workers.engine.runs.process_main", *registry.paths])
        self._alive: set[Any] = set()

    async def run(self, handler: Handler, context: JobContext, payload: dict[str, Any], slot: Slot) -> object:
        """Return the result as JSON text; raises RemoteFailure or SubprocessDied.

        The first cancellation goes to the process; the second kills it and is raised once it is dead.
        """
        ours, theirs = self._context.Pipe()
        task = Task(
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
        process = self._context.Process(
            target=process_main.main, args=(theirs, task, self._settings), daemon=True
        )
        loop = asyncio.get_running_loop()
        dead: asyncio.Future[None] = loop.create_future()

        def on_dead() -> None:
            slot.release()
            dead.set_result(None)

        def finish() -> None:
            self._end(process, ours)
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(on_dead)

        slot.retain()
        # In a thread: the first start also starts the server and imports the handlers, which blocks for long.
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        work = asyncio.ensure_future(self._work(starting, process, ours, theirs, context))
        draining = asyncio.ensure_future(_pass_on_draining(ours, context))
        killed = False
        try:
            await outlast_first_cancel(work, context, lambda: _pass_on_cancel(ours, context))
            message = work.result()
            if message is None:
                # Before _end: if two threads wait for a process, one of them gets a wrong status.
                await asyncio.to_thread(process.join, KILL_AFTER)
                if process.exitcode == -signal.SIGTERM:
                    # A supervisor that stops this worker may send SIGTERM to all of its processes at once.
                    with contextlib.suppress(TimeoutError):
                        await within(DRAIN_FOLLOWS, context.draining_begins())
                raise SubprocessDied(_describe_exit(process.exitcode))
            return _result(message)
        except asyncio.CancelledError:
            killed = True
            await end([work])
            await asyncio.wait({starting})
            raise
        finally:
            try:
                threading.Thread(target=finish, daemon=True).start()
            except RuntimeError:
                # No thread could start, so nothing can wait for a graceful exit: kill at once.
                self._kill(process)
                ours.close()
                on_dead()
            await end([draining])
            if killed:
                # The retry must not start while the process may still have side effects.
                await asyncio.wait({dead})

    async def _work(
        self,
        starting: asyncio.Future[None],
        process: Any,
        ours: Connection,
        theirs: Connection,
        context: JobContext,
    ) -> dict[str, Any] | None:
        await asyncio.shield(starting)
        theirs.close()
        self._alive.add(process)
        return await self._converse(ours, context)

    async def _converse(self, connection: Connection, context: JobContext) -> dict[str, Any] | None:
        """Pass on the handler's reports; returns its outcome, or None if the process died without one."""
        loop = asyncio.get_running_loop()
        messages: asyncio.Queue[bytes | None] = asyncio.Queue()

        def read() -> None:
            # In a thread: a large message that arrives slowly would block the event loop.
            with contextlib.suppress(RuntimeError):
                try:
                    while True:
                        loop.call_soon_threadsafe(messages.put_nowait, connection.recv_bytes())
                except (EOFError, OSError):
                    loop.call_soon_threadsafe(messages.put_nowait, None)

        threading.Thread(target=read, daemon=True, name="subprocess-reader").start()
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

    def _kill(self, process: Any) -> None:
        with contextlib.suppress(ValueError, AssertionError, AttributeError):
            process.kill()
        self._alive.discard(process)

    def close(self) -> None:
        for process in list(self._alive):
            self._kill(process)


def _pass_on_cancel(connection: Connection, context: JobContext) -> None:
    _send(connection, b"cancel", [context.cancel_reason, context.cancel_message])


async def _pass_on_draining(connection: Connection, context: JobContext) -> None:
    await context.draining_begins()
    _send(connection, b"draining", None)


def _send(connection: Connection, kind: bytes, value: object) -> None:
    # A few hundred bytes never block the pipe. OSError: the process has exited.
    with contextlib.suppress(OSError):
        connection.send_bytes(kind + b" " + orjson.dumps(value))


def _result(message: dict[str, Any]) -> object:
    if message["kind"] == "result":
        return Encoded(message["value"])
    if message["kind"] == "waiting_for_children":
        raise WaitingForChildren
    document = orjson.loads(message["value"])
    failure = Failure(document["type"], document["message"], document["traceback"])
    raise RemoteFailure(message["kind"], failure, document["delay_ms"])


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"The process that ran this job was killed by signal {-code}."
    return f"The process that ran this job exited with status {code} and reported no outcome."
