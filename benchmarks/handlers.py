"""Handlers that only note when their runs begin."""

import asyncio
import os
import time
from typing import Any

_out = os.environ.get("BENCH_OUT", "/dev/null")


class _Notes:
    first = True


def _note(sent: float) -> None:
    if sent or _Notes.first:
        _Notes.first = False
        with open(_out, "a") as notes:
            notes.write(f"{time.monotonic()} {sent} {time.process_time()}\n")


async def noop(ctx: Any, text: str = "", sent: float = 0.0) -> str:
    """`sent`: monotonic time of the submission; without it, only the first run is noted."""
    _note(sent)
    return "x" * 64


async def sleep_10ms(ctx: Any, text: str = "") -> str:
    _note(0.0)
    await asyncio.sleep(0.01)
    return "x" * 64
