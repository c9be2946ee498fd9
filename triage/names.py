"""The public names of `triage`, imported from their modules."""

from triage import checked as checked
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
