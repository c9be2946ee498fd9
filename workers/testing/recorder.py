"""For tests of handlers: replaces everything that a run accesses in Redis, and records the calls."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from service.clock import Clock
from service.domain.flow import arrange
from service.domain.job import Lease
from service.store.leases import Finish
from workers.handling.dependencies import WaitingForChildren, read_children
from workers.handling.enqueued import Call, read_call
from workers.handling.fan_out import read_fan_out
from workers.handling.job_specs import Reader
from workers.handling.registry import Registry
from workers.handling.shared_limits import SharedLimiter

#: Parameters of arq's enqueue_job that are not arguments of the function.
_OPTIONS = {"_job_id", "_queue_name", "_defer_until", "_defer_by", "_expires", "_job_try"}


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A call of `ctx["redis"].enqueue_job`."""

    function: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FanOut:
    """A call of `ctx.fan_out`."""

    name: str
    payloads: list[Mapping[str, Any]]
    then: str | Mapping[str, Any] | None
    options: Mapping[str, Any]


@dataclass(slots=True)
class Reports:
    """Everything that a handler reported and requested during its run."""

    progress: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lines: list[str] = field(default_factory=list[str])
    enqueued: list[Enqueued] = field(default_factory=list[Enqueued])
    children: dict[str, Any] = field(default_factory=dict[str, Any])
    fan_outs: list[FanOut] = field(default_factory=list[FanOut])


class Stage:
    """`finish` is None during the run, and while its job waits for children."""

    def __init__(
        self, registry: Registry, dependencies: Mapping[str, Any], new_id: Callable[[str], str]
    ) -> None:
        self._reader = Reader(registry)
        self._dependencies = dependencies
        self._new_id = new_id
        self.reports = Reports()
        self.finish: Finish | None = None

    def add(self, finish: Finish) -> None:
        self.finish = finish

    @property
    def pending(self) -> list[Finish]:
        return []

    async def progress(self, lease: Lease, value: bytes) -> None:
        self.reports.progress.append(orjson.loads(value))

    async def log(self, lease: Lease, line: bytes) -> None:
        self.reports.lines.append(orjson.loads(line)["message"])

    async def dependencies(self) -> dict[str, Any]:
        return dict(self._dependencies)

    async def add_children(self, children: Mapping[str, Any]) -> None:
        if children.keys() <= self._dependencies.keys():
            return
        jobs, graph = read_children(children)
        arrange(graph, "/children", list(self._dependencies))
        for key, job in jobs.items():
            self._reader.read(job, f"/children/{key}/job", inside="flow")
        self.reports.children |= children
        raise WaitingForChildren

    async def fan_out(
        self,
        number: int,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> str:
        read_fan_out(self._reader, name, then, options)
        self.reports.fan_outs.append(FanOut(name, list(payloads), then, options))
        return self._new_id("fan")

    async def enqueue_job(self, function: str, *args: Any, **options: Any) -> "_EnqueuedJob":
        private = {name[1:]: value for name, value in options.items() if name in _OPTIONS}
        kwargs = {name: value for name, value in options.items() if name not in _OPTIONS}
        read_call(self._reader, Call(function, args, kwargs, **private), Clock().now_ms())
        self.reports.enqueued.append(Enqueued(function, args, options))
        return _EnqueuedJob(self._new_id("job"))

    def limiter(self, name: str, limit: int, per_seconds: float) -> SharedLimiter:
        return SharedLimiter(cast(Any, self), name, limit, per_seconds)

    async def acquire(self, name: str, limit: int, per_ms: int) -> None:
        """Let the caller pass at once."""


@dataclass(frozen=True, slots=True)
class _EnqueuedJob:
    job_id: str
