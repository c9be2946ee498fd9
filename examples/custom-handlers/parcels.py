"""Your own handlers: a module that TRIAGE_HANDLERS names."""

import asyncio

import humanize

from triage import Context, job


@job(timeout_seconds=60)
async def pack_parcel(ctx: Context, grams: int, seconds: float = 0) -> str:
    """`{"name": "pack-parcel", "payload": {"grams": 1200}}`; `seconds` is how long packing takes."""
    await asyncio.sleep(seconds)
    return f"a parcel of {humanize.metric(grams, 'g')}"
