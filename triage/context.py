"""The types of `ctx`: for coroutine functions, for functions in a thread, and for functions in a process.

They describe the object that a worker passes to a handler and are never constructed. A coroutine function
with `executor="process"` also gets a Context.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar, overload

from workers.handling.cancel_notice import CancelReason

if TYPE_CHECKING:
    from workers.handling.arq_client import TriageRedis  # noqa: F401  # in strings, where ruff does not look

__all__ = ["BlockingLimiter", "Context", "Dependency", "Limiter", "ProcessContext", "ThreadContext"]

Children = Mapping[str, Mapping[str, object]]
Payloads = Iterable[Mapping[str, object]]
#: The type of `ctx["redis"]`.
Redis = TypeVar("Redis", covariant=True)
Then = str | Mapping[str, object] | None


class Dependency(TypedDict, total=False):
    """The outcome of a job that this one waited for: `state`, and `result` or `error`.

    The entry "fan_out" of a `then` job has `id`, `state` and `counts`.
    """

    state: str
    result: Any
    error: dict[str, Any] | None
    id: str
    counts: dict[str, int]


class Limiter(Protocol):
    async def acquire(self) -> None:
        """Wait until the limiter lets this caller pass."""
        ...


class BlockingLimiter(Protocol):
    def acquire(self) -> None:
        """Block until the limiter lets this caller pass."""
        ...


class _Run(Protocol[Redis]):
    """Common to all contexts."""

    @overload
    def __getitem__(self, key: Literal["job_id"], /) -> str: ...
    @overload
    def __getitem__(self, key: Literal["job_try", "score"], /) -> int: ...
    @overload
    def __getitem__(self, key: Literal["enqueue_time"], /) -> datetime: ...
    @overload
    def __getitem__(self, key: Literal["traceparent"], /) -> str | None: ...
    @overload
    def __getitem__(self, key: Literal["redis"], /) -> Redis: ...
    @overload
    def __getitem__(self, key: str, /) -> Any: ...

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the run should stop; None if it may continue."""
        ...

    @property
    def cancel_message(self) -> str | None:
        """The `reason` of the cancel request."""
        ...

    def raise_if_cancelled(self) -> None:
        """Raise CancelledError if the run should stop."""
        ...

    def __contains__(self, key: object, /) -> bool: ...


class Context(_Run["TriageRedis"], Protocol):
    """`ctx` of a coroutine function."""

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when the run should stop."""
        ...

    @property
    def draining(self) -> asyncio.Event:
        """Set when this worker begins to shut down."""
        ...

    async def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress; written at most five times a second, the latest value wins."""
        ...

    async def log(self, message: object) -> None:
        """Store a line with the job: at most 1,000 lines of 4 KiB, after which it drops the oldest."""
        ...

    async def dependencies(self) -> dict[str, Dependency]:
        """The outcomes of everything that this job waited for, by key."""
        ...

    async def add_children(self, children: Children) -> None:
        """Add jobs and wait for them: the handler starts again from its beginning when they have finished.

        `children` maps a key to {"job": JobSpec, "depends_on": [...]}.
        """
        ...

    async def fan_out(self, name: str, payloads: Payloads, then: Then = None, **options: object) -> str:
        """Run a job per payload without waiting for them; returns the id of the fan-out.

        `then` is the name or the JobSpec of a job that runs when all have finished; `options` are the fields
        of JobSpec, `max_concurrency` and `failure_tolerance`.
        """
        ...

    def limiter(self, name: str, limit: int, per_seconds: float) -> Limiter:
        """A rate that all workers share."""
        ...


class _PlainRun(_Run[Redis], Protocol[Redis]):
    """Common to the contexts of plain functions: all methods are plain calls."""

    @property
    def cancelled(self) -> threading.Event:
        """Set when the run should stop; `wait(seconds)` replaces a sleep."""
        ...

    @property
    def draining(self) -> threading.Event:
        """Set when this worker begins to shut down."""
        ...

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress; written at most five times a second, the latest value wins."""
        ...

    def log(self, message: object) -> None:
        """Store a line with the job: at most 1,000 lines of 4 KiB, after which it drops the oldest."""
        ...

    def dependencies(self) -> dict[str, Dependency]:
        """The outcomes of everything that this job waited for, by key."""
        ...

    def add_children(self, children: Children) -> None:
        """Like Context.add_children, as a plain call."""
        ...

    def fan_out(self, name: str, payloads: Payloads, then: Then = None, **options: object) -> str:
        """Like Context.fan_out, as a plain call."""
        ...

    def limiter(self, name: str, limit: int, per_seconds: float) -> BlockingLimiter:
        """A rate that all workers share."""
        ...


class ThreadContext(_PlainRun["TriageRedis"], Protocol):
    """`ctx` of a plain function, which runs in a thread."""


class ProcessContext(_PlainRun[object], Protocol):
    """`ctx` of a plain function with `executor="process"`, where there is no `ctx["redis"]`.

    An object has no methods, so a type checker refuses its use.
    """
