"""Handlers that fail with a text of the test's choice."""

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
