"""A handler that only notes when its runs begin."""

import os
import time
from typing import Any

_out = os.environ.get("BENCH_OUT", "/dev/null")


class _Notes:
    first = True


async def noop(ctx: Any, text: str = "", sent: float = 0.0) -> str:
    """`sent` is the monotonic time of the submission; without it only the first run is noted."""
    if sent or _Notes.first:
        _Notes.first = False
        with open(_out, "a") as notes:
            notes.write(f"{time.monotonic()} {sent} {time.process_time()}\n")
    return "x" * 64
