"""Traces through Triage: from a request to its job, to the job's run, to the jobs that the run enqueues."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["producer", "internal", "consumer"]

#: The traceparent of the current request or run.
CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span(Protocol):
    """`traceparent` identifies this span, for its children."""

    @property
    def traceparent(self) -> str | None: ...

    def activate(self) -> None:
        """Make it the parent of other spans in the current task."""
        ...

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None: ...


class Tracer(Protocol):
    """Starts spans; times are unix milliseconds, absent = now."""

    def start(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        attributes: Mapping[str, str | int],
        at_ms: int | None = None,
    ) -> Span: ...


@dataclass(frozen=True, slots=True)
class PassedOn:
    """No span: passes on the trace context unchanged."""

    traceparent: str | None

    def activate(self) -> None: ...

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None: ...
