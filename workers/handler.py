"""What authors of handlers import: the decorator, and the exceptions that say more than 'failed'."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from arq.worker import Retry

__all__ = ["Execution", "JobOptions", "NonRetryable", "Retry", "Snooze", "job"]

Execution = Literal["async", "thread", "process"]
Function = TypeVar("Function", bound=Callable[..., Any])

#: Where the decorator leaves its options; the function itself stays what it was.
ATTRIBUTE = "__triage_job__"

_DEFAULTS = (
    "queue",
    "priority",
    "retry",
    "timeout_seconds",
    "retention_seconds",
    "expires_seconds",
    "deadline_seconds",
)


class NonRetryable(Exception):
    """Running this job again cannot help: it is dead at once."""


class Snooze(Exception):
    """Run this job again after `seconds`; no attempt is used."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"snoozed for {seconds:g} s")
        self.delay_ms = max(0, round(seconds * 1000))


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What `@job` was given; `defaults` are fields of JobSpec in their JSON form."""

    name: str | None
    executor: Execution | None
    concurrency: int | None
    redact: tuple[str, ...]
    defaults: dict[str, Any]


@overload
def job(function: Function, /) -> Function: ...


@overload
def job(
    *,
    name: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    retry: dict[str, Any] | None = None,
    timeout_seconds: float | None = None,
    retention_seconds: float | None = None,
    expires_seconds: float | None = None,
    deadline_seconds: float | None = None,
    concurrency: int | None = None,
    executor: Execution | None = None,
    redact: list[str] | None = None,
) -> Callable[[Function], Function]: ...


def job(function: Any = None, /, **options: Any) -> Any:
    """Make a function a handler. What is given here lies under what a client sends with a job.

    `concurrency` limits this type on each worker; `redact` holds JSON pointers into payload and
    result that no view shows. Without `executor`, coroutine functions run in the event loop and
    plain ones in a thread. Raises TypeError or ValueError at import for options that cannot be meant.
    """
    decorate = _decorator(options)
    return decorate if function is None else decorate(function)


def _decorator(options: dict[str, Any]) -> Callable[[Any], Any]:
    defaults = {name: options.pop(name) for name in _DEFAULTS if options.get(name) is not None}
    executor, concurrency = options.pop("executor", None), options.pop("concurrency", None)
    name, redact = options.pop("name", None), tuple(options.pop("redact", None) or ())
    if executor not in (None, "async", "thread", "process"):
        raise ValueError(f"@job: executor must be async, thread or process, not {executor!r}")
    if concurrency is not None and concurrency < 1:
        raise ValueError("@job: concurrency must be at least 1")
    if bad := [pointer for pointer in redact if not pointer.startswith("/")]:
        raise ValueError(f"@job: redact takes JSON pointers such as /card/number, not {bad[0]!r}")
    if left := [key for key in options if options[key] is not None and key not in _DEFAULTS]:
        raise TypeError(f"@job: unknown option {left[0]!r}")
    unknown = set(defaults.get("retry", {})) - {
        "max_attempts",
        "backoff",
        "delay_seconds",
        "max_delay_seconds",
        "jitter",
    }
    if unknown:
        raise ValueError(f"@job: unknown retry option {sorted(unknown)[0]!r}")

    def decorate(function: Any) -> Any:
        if not callable(function):
            raise TypeError("@job decorates a function")
        setattr(function, ATTRIBUTE, JobOptions(name, executor, concurrency, redact, defaults))
        return function

    return decorate
