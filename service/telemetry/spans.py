"""Traces through Triage: from a request to its job, to the job's run, to what that run enqueues."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["producer", "internal", "consumer"]

#: The traceparent of the request or the run at hand.
CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span(Protocol):
    """`traceparent` names this span: what it leads to is its child."""

    @property
    def traceparent(self) -> str | None: ...

    def activate(self) -> None:
        """Make it the parent of what the task at hand traces by itself."""
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
    """No span: the trace context goes on as it came."""

    traceparent: str | None

    def activate(self) -> None: ...

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None: ...
