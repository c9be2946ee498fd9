"""Handlers that fail with a text of the test's choice."""

import asyncio
from typing import Any

from workers.handler import NonRetryable, job


@job
async def hostile(ctx: Any, text: str, fail: bool = True) -> Any:
    """Puts the given text into everything that a run can leave behind."""
    await ctx.log(text)
    await ctx.progress(1, 2, text)
    if fail:
        raise type(text, (NonRetryable,), {})(text)
    return {"text": text, text: [text]}


class CardDeclined(NonRetryable):
    """One of the causes of `charge_card`."""


_FAILURES: dict[str, tuple[type[Exception], str]] = {
    "timeout": (TimeoutError, "no response from payments.internal within {number} ms"),
    "card": (CardDeclined, "card of order o-{number} declined: insufficient funds"),
    "schema": (KeyError, "currency"),
    "disk": (OSError, "[Errno 28] No space left on device: '/var/lib/triage/exports/{number}.csv'"),
}


@job
async def charge_card(
    ctx: Any, fail: str = "", number: int = 0, seconds: float = 0, order_id: str = ""
) -> dict[str, Any]:
    """Fails in one of a few ways."""
    await asyncio.sleep(seconds)
    if fail:
        kind, text = _FAILURES[fail]
        raise kind(text.format(number=number))
    return {"charged": order_id or number}


@job
async def pretend(ctx: Any, seconds: float = 0, lines: int = 0) -> dict[str, Any]:
    """Takes some time, and reports progress and log lines."""
    for line in range(lines):
        await ctx.log(f"step {line + 1} of {lines}")
        await ctx.progress(line + 1, lines, "working")
    await asyncio.sleep(seconds)
    return {"seconds": seconds}
