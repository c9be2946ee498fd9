"""The types of `ctx`: one for coroutine functions, one for functions in a thread, one for those in a process.

They describe what a worker passes to a handler; there is nothing to construct. A coroutine function with
`executor="process"` gets a Context, too.
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
#: What `ctx["redis"]` is.
Redis = TypeVar("Redis", covariant=True)
Then = str | Mapping[str, object] | None


class Dependency(TypedDict, total=False):
    """How a job that this one waited for ended: `state`, and `result` or `error`.

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
    """What all contexts have in common."""

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
        """Why the run was asked to end, None as long as it was not."""
        ...

    @property
    def cancel_message(self) -> str | None:
        """The `reason` of the cancel request."""
        ...

    def raise_if_cancelled(self) -> None:
        """End the run here, by CancelledError, if it was asked to end."""
        ...

    def __contains__(self, key: object, /) -> bool: ...


class Context(_Run["TriageRedis"], Protocol):
    """`ctx` of a coroutine function."""

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when the run is asked to end."""
        ...

    @property
    def draining(self) -> asyncio.Event:
        """Set when this worker begins to shut down."""
        ...

    async def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Show how far the job is; written at most five times a second, the latest value wins."""
        ...

    async def log(self, message: object) -> None:
        """Keep a line with the job: at most 1,000 lines of 4 KiB, the oldest go first."""
        ...

    async def dependencies(self) -> dict[str, Dependency]:
        """How everything ended that this job waited for, by key."""
        ...

    async def add_children(self, children: Children) -> None:
        """Add jobs and wait for them: the handler starts again from its beginning when they have ended.

        `children` maps a key to {"job": JobSpec, "depends_on": [...]}.
        """
        ...

    async def fan_out(self, name: str, payloads: Payloads, then: Then = None, **options: object) -> str:
        """Run a job per payload without waiting for them; returns the id of the fan-out.

        `then` is the name or the JobSpec of a job that runs when all have ended; `options` are the fields
        of JobSpec, `max_concurrency` and `failure_tolerance`.
        """
        ...

    def limiter(self, name: str, limit: int, per_seconds: float) -> Limiter:
        """A rate that all workers share."""
        ...


class _PlainRun(_Run[Redis], Protocol[Redis]):
    """What plain functions have in common: everything is a plain call."""

    @property
    def cancelled(self) -> threading.Event:
        """Set when the run is asked to end; `wait(seconds)` replaces a sleep."""
        ...

    @property
    def draining(self) -> threading.Event:
        """Set when this worker begins to shut down."""
        ...

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Show how far the job is; written at most five times a second, the latest value wins."""
        ...

    def log(self, message: object) -> None:
        """Keep a line with the job: at most 1,000 lines of 4 KiB, the oldest go first."""
        ...

    def dependencies(self) -> dict[str, Dependency]:
        """How everything ended that this job waited for, by key."""
        ...

    def add_children(self, children: Children) -> None:
        """As Context.add_children, a plain call."""
        ...

    def fan_out(self, name: str, payloads: Payloads, then: Then = None, **options: object) -> str:
        """As Context.fan_out, a plain call."""
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
