"""Shortens jobs for lists, by omitting values that are too large for a page."""

from dataclasses import replace
from typing import Any

from service.domain.job import Job

#: Limits in bytes of one payload, result, error or progress in a list, and of all of them on a page. With its
#: other fields a page stays below 8 MiB.
VALUE_BYTES, PAGE_BYTES = 16_384, 5_242_880


def size_of(job: Job | None) -> int:
    """The bytes of the values that a page limits."""
    if job is None:
        return 0
    return sum(len(value or b"") for value in (job.payload, job.result, job.error, job.progress))


def shortened(job: Job, left: int) -> Job:
    """The job for a response with room for `left` more bytes."""
    most = min(VALUE_BYTES, left)
    cut = [name for name in ("payload", "result", "error") if len(getattr(job, name) or b"") > most]
    changes: dict[str, Any] = {name: b"" if name == "payload" else None for name in cut}
    return replace(job, **changes, truncated=tuple(cut)) if cut else job
