"""What authors of handlers import: `from triage import job, Context, Retry`.

Names are imported when they are first used: the `triage` command starts here, too, and looks for packages
that shadow `service` and `workers` before it imports either.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triage.context import Context, ProcessContext, ThreadContext
    from workers.handler import NonRetryable, RateLimited, Retry, RetryOptions, Snooze, job

__all__ = [
    "Context",
    "NonRetryable",
    "ProcessContext",
    "RateLimited",
    "Retry",
    "RetryOptions",
    "Snooze",
    "ThreadContext",
    "job",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("triage.names"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
