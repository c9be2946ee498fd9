"""Reads the jobs that handlers submit, with the same checks and defaults as the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.job_spec import Inherited, JobSpec, specify
from service.store.namespace import Namespace
from service.telemetry.spans import CURRENT
from workers.calls.invocation import Handler
from workers.calls.results import encode_json
from workers.handling.queue_defaults import PublishedTypes, QueueDefaults
from workers.handling.registry import Registry


@dataclass(frozen=True, slots=True)
class Reader:
    """`types` are job types of other workers, for jobs that this worker cannot run."""

    registry: Registry
    queues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    types: Mapping[str, JobType] = field(default_factory=dict[str, JobType])

    def handler(self, name: object) -> Handler | None:
        return self.registry.find(name) if isinstance(name, str) else None

    def job_type(self, name: object) -> Inherited | None:
        return self.handler(name) or (self.types.get(name) if isinstance(name, str) else None)

    def read(
        self, document: object, pointer: str = "", *, inside: Literal["flow", "fan-out"] | None = None
    ) -> JobSpec:
        """Read a job from its JSON form; raises SpecInvalid or PayloadTooLarge, which are ValueErrors."""
        return specify(
            document,
            self.job_type(name_of(document)),
            self.queues,
            root=pointer,
            inside=inside,
            encode=encode_json,
            max_payload_bytes=self.registry.max_payload_bytes,
            traceparent=CURRENT.get(),
        )


class JobSpecs:
    """One per process that runs handlers."""

    def __init__(self, registry: Registry, namespace: Namespace, clock: Clock) -> None:
        self._registry = registry
        self._queues = QueueDefaults(namespace.queues, clock)
        self._types = PublishedTypes(namespace.workers, clock)

    async def reader(self, names: Iterable[object]) -> Reader:
        """A reader with the defaults of these job types and of all queues, at most a second old."""
        foreign = any(isinstance(name, str) and self._registry.find(name) is None for name in names)
        types = await self._types.read() if foreign else {}
        return Reader(self._registry, await self._queues.read(), types)


def name_of(document: object) -> object:
    """The name of the job type in a document, if it is an object with one."""
    return document.get("name") if isinstance(document, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
