"""For authors of handlers: the decorator, and exceptions for outcomes other than a plain failure."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, TypeVar, overload

from arq.worker import Retry

from service.domain.checks import Check, Choice, SpecInvalid, Whole, read_members
from service.domain.job_spec import NAME, OF_TYPES, check_defaults, merge_defaults
from service.domain.redaction import read_pointers
from service.domain.similar import did_you_mean

__all__ = ["Execution", "JobOptions", "NonRetryable", "RateLimited", "Retry", "RetryOptions", "Snooze", "job"]

Execution = Literal["async", "thread", "process"]
Function = TypeVar("Function", bound=Callable[..., Any])

#: First parameters that take ctx, by their name or annotation.
_CONTEXT_NAME = re.compile(r"_*|_?c|\w*(ctx|context)\w*", re.IGNORECASE)
_CONTEXT_TYPE = re.compile(r"\b(dict|Mapping|MutableMapping|TypedDict)\b|ctx|context", re.IGNORECASE)

#: The attribute in which the decorator stores its options; it returns the function itself.
ATTRIBUTE = "__triage_job__"


class RetryOptions(TypedDict, total=False):
    """`@job(retry=...)`; absent fields have the default of a job."""

    max_attempts: int
    backoff: Literal["fixed", "linear", "exponential"]
    delay_seconds: float
    max_delay_seconds: float
    jitter: float


#: Options of `@job` other than defaults of its jobs.
_OWN: Mapping[str, Check] = {
    "name": NAME,
    "concurrency": Whole(1),
    "executor": Choice("async", "thread", "process"),
    "redact": read_pointers,
}


class NonRetryable(Exception):
    """A retry of this job cannot help, so it is dead at once."""


class Snooze(Exception):
    """Run this job again after `seconds`, at least TRIAGE_MIN_RETRY_SECONDS; no attempt is used.

    An attempt may be deferred TRIAGE_MAX_DEFERRALS times, by this or RateLimited; one more fails it.
    """

    def __init__(self, seconds: float) -> None:
        if not math.isfinite(seconds):
            raise ValueError(f"Snooze: seconds must be a finite number, not {seconds}")
        super().__init__(f"snoozed for {seconds:g} s")
        self.delay_ms = max(0, round(seconds * 1000))


#: At most an hour: a service's mistake must not stop a queue here forever.
MAX_FREEZE_SECONDS = 3600


class RateLimited(Exception):
    """Start no job with this job's limit key for `retry_after` seconds, at most an hour.

    The job returns to its place in the queue and uses no attempt. If it has no limit key, the jobs of its
    type in its queue without one wait, at most five minutes. Snooze describes the limits.
    """

    def __init__(self, retry_after: float) -> None:
        if not math.isfinite(retry_after):
            raise ValueError(f"RateLimited: retry_after must be a finite number, not {retry_after}")
        super().__init__(f"rate limited for {retry_after:g} s")
        self.delay_ms = min(max(0, round(retry_after * 1000)), MAX_FREEZE_SECONDS * 1000)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """The arguments of `@job`; `defaults` are fields of JobSpec in JSON form."""

    name: str | None
    executor: Execution | None
    concurrency: int | None
    redact: tuple[str, ...]
    defaults: dict[str, Any]


def check_first_parameter(function: Callable[..., Any]) -> None:
    """Raises TypeError for a function that does not take ctx.

    Such a function would receive the context in place of a field of the payload. Users of arq may give ctx
    any name, so this refuses only names and annotations that clearly mean something else.
    """
    name = getattr(function, "__qualname__", repr(function))
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return
    if not parameters or parameters[0].kind in (
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    ):
        raise TypeError(f"{name} does not take ctx: its first parameter must be ctx")
    first = parameters[0]
    if first.kind is inspect.Parameter.VAR_POSITIONAL or _CONTEXT_NAME.fullmatch(first.name):
        return
    if not _CONTEXT_TYPE.search(str(first.annotation)):
        raise TypeError(f"{name} does not take ctx: its first parameter must be ctx, not {first.name}")


@overload
def job(function: Function, /) -> Function: ...


@overload
def job(
    *,
    name: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    retry: RetryOptions | None = None,
    timeout_seconds: float | None = None,
    retention_seconds: float | None = None,
    expires_seconds: float | None = None,
    deadline_seconds: float | None = None,
    concurrency: int | None = None,
    executor: Execution | None = None,
    redact: list[str] | None = None,
) -> Callable[[Function], Function]: ...


def job(function: Any = None, /, **options: Any) -> Any:
    """Make a function a handler. Clients override these options per job.

    `concurrency` limits this type on each worker; `redact` holds JSON pointers into payload and result that
    are never shown; `*` stands for every item or member (`/cards/*/number`). Without `executor`, coroutine
    functions run in the event loop and plain ones in a thread. Raises TypeError or ValueError at import for
    invalid options.
    """
    decorate = _decorator(options)
    return decorate if function is None else decorate(function)


def _decorator(options: dict[str, Any]) -> Callable[[Any], Any]:
    options = {name: value for name, value in options.items() if value is not None}
    try:
        own = read_members({name: options.pop(name) for name in _OWN if name in options}, "", _OWN)
        check_defaults(options)
    except SpecInvalid as error:
        path = error.pointer[1:].replace("/", ".")
        if error.row_code == "extra_forbidden":
            known = [*_OWN, *OF_TYPES]
            close = f";{error.reason.partition(';')[2]}" if "." in path else did_you_mean(path, known)
            raise TypeError(f"@job: unknown option {path!r}{close.rstrip(';')}") from None
        raise ValueError(f"@job: {path}: {error.reason}") from None
    executor = own.get("executor")
    marked = JobOptions(
        own.get("name"), executor, own.get("concurrency"), own.get("redact", ()), merge_defaults({}, options)
    )

    def decorate(function: Any) -> Any:
        if not callable(function):
            raise TypeError(f"@job must decorate a function, not {function!r}")
        if executor == "async" and not inspect.iscoroutinefunction(function):
            raise TypeError("@job: executor async requires a coroutine function; use thread for this one")
        check_first_parameter(function)
        if executor == "thread" and inspect.iscoroutinefunction(function):
            raise TypeError("@job: executor thread requires a plain function; use async for this one")
        setattr(function, ATTRIBUTE, marked)
        return function

    return decorate
