"""Warns of handlers that block the event loop, and with it every other job of the worker."""

import asyncio
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog

from service.clock import Clock

#: How long a handler may keep the event loop to itself, in seconds.
TOLERATED = 0.25
#: How often the thread checks, in seconds.
_CHECK_SECONDS = 0.1
#: How long after a warning another one about the same handler is written, in seconds.
AGAIN_AFTER = 60.0

_PACKAGES = tuple(str(Path(__file__).resolve().parents[2] / name) for name in ("service", "workers"))

log = structlog.get_logger("triage.worker")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Where the event loop was when it was late: the run, and a line of its handler."""

    job_id: str
    handler: str
    line: str
    #: The last tick before.
    since: float


class LoopBlocks:
    """The event loop calls `tick` at regular intervals; a thread finds out what runs when it does not."""

    def __init__(self, clock: Clock, interval: float, handler_of: Callable[[str], str | None]) -> None:
        """`handler_of` finds the handler of a running job by id; the thread calls it."""
        self._clock = clock
        self._interval = interval
        self._handler_of = handler_of
        self._last_tick = clock.monotonic()
        self._found: Blocked | None = None
        self._warned_at: dict[str, float] = {}

    def tick(self, now: float) -> None:
        """Warn if the event loop was blocked since the last tick."""
        since, found = self._last_tick, self._found
        self._last_tick, self._found = now, None
        seconds = now - since - self._interval
        if found is None or found.since != since or seconds < TOLERATED:
            return
        if now - self._warned_at.get(found.handler, -AGAIN_AFTER) < AGAIN_AFTER:
            return
        self._warned_at[found.handler] = now
        log.warning(
            "handler_blocks_event_loop",
            name=found.handler,
            job_id=found.job_id,
            seconds=round(seconds, 2),
            line=found.line,
        )

    def watch(self, stopped: threading.Event) -> None:
        """Start the thread for the running event loop; it ends when `stopped` is set."""
        arguments = (asyncio.get_running_loop(), threading.get_ident(), stopped)
        threading.Thread(target=self._run, args=arguments, name="loop-blocks", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop, thread: int, stopped: threading.Event) -> None:
        while not stopped.wait(_CHECK_SECONDS):
            since = self._last_tick
            late = self._clock.monotonic() - since - self._interval
            if late > _CHECK_SECONDS and self._found is None:
                self._found = self._find(loop, thread, since)

    def _find(self, loop: asyncio.AbstractEventLoop, thread: int, since: float) -> Blocked | None:
        task = asyncio.current_task(loop)
        handler = None if task is None else self._handler_of(task.get_name())
        if task is None or handler is None:
            return None
        frame = sys._current_frames().get(thread)  # type: ignore[reportPrivateUsage]
        return Blocked(task.get_name(), handler, _line(frame), since)


def _line(frame: FrameType | None) -> str:
    """The innermost line outside of Triage, the standard library and installed packages."""
    innermost = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGES):
            break
        innermost = innermost or f"{file}:{frame.f_lineno}"
        if not file.startswith((sys.base_prefix, sys.prefix, "<")):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return innermost
