"""Jobs as lists show them: without values that are too large for a page."""

from dataclasses import replace
from typing import Any

from service.domain.job import Job

#: Bytes of a payload, a result, an error or a progress that a list shows, and of all of them in a page: with
#: everything else a page stays below 8 MiB.
VALUE_BYTES, PAGE_BYTES = 16_384, 5_242_880


def shortened(job: Job, left: int) -> Job:
    """A job that is at hand, for an answer that has room for so many more bytes."""
    most = min(VALUE_BYTES, left)
    cut = [name for name in ("payload", "result", "error") if len(getattr(job, name) or b"") > most]
    changes: dict[str, Any] = {name: b"" if name == "payload" else None for name in cut}
    return replace(job, **changes, truncated=tuple(cut)) if cut else job
