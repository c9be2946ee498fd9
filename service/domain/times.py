"""How times are written in JSON."""

from datetime import UTC, datetime
from functools import lru_cache


# Cached: a job often repeats a timestamp, and so do the jobs next to it.
@lru_cache(maxsize=1024)
def rfc3339(ms: int | None) -> str | None:
    """RFC 3339, UTC, milliseconds."""
    if ms is None:
        return None
    seconds, milliseconds = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z".rjust(24, "0")
