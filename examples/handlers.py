"""Typed handlers: the type of `ctx` differs between coroutine functions, threads and processes.

TRIAGE_HANDLERS=handlers PYTHONPATH=examples triage dev
"""

from dataclasses import dataclass

from triage import Context, NonRetryable, ProcessContext, RateLimited, Retry, Snooze, ThreadContext, job


@dataclass(frozen=True)
class Report:
    rows: int
    title: str


@job(queue="mail", retry={"max_attempts": 5, "delay_seconds": 2}, timeout_seconds=60)
async def send_letter(ctx: Context, to: str, copies: int = 1) -> dict[str, str | int]:
    """Runs in the event loop and awaits the methods of `ctx`."""
    if "@" not in to:
        raise NonRetryable(f"{to} is not an address")
    if ctx["job_try"] > 1:
        await ctx.log(f"attempt {ctx['job_try']} of {ctx['job_id']}")
    await ctx.limiter("mail", 10, 1).acquire()
    for copy in range(copies):
        await ctx.progress(copy + 1, copies, to)
    await ctx["redis"].enqueue_job("import-rows", batches=[[copies]])
    return {"to": to, "copies": copies}


@job(concurrency=2)
def import_rows(ctx: ThreadContext, batches: list[list[int]]) -> int:
    """Runs in a thread: methods are plain calls, and it must check `ctx.cancelled`."""
    total = 0
    for number, batch in enumerate(batches, 1):
        ctx.raise_if_cancelled()
        total += sum(batch)
        ctx.progress(number, len(batches))
    return total


@job(executor="process", timeout_seconds=600)
def render_report(ctx: ProcessContext, rows: int, title: str = "Report") -> Report:
    """Runs in a subprocess, which can be killed: methods are plain calls, and there is no `ctx["redis"]`."""
    ctx.log(f"rendering {rows} rows")
    return Report(rows, title)


@job
async def sync_contacts(ctx: Context, status: int) -> list[str]:
    """Does what the response of a partner's API requires."""
    if status == 429:
        raise RateLimited(30)
    if status == 503:
        raise Retry(defer=5)
    if status == 202:
        raise Snooze(60)
    return [end.get("state", "") for end in (await ctx.dependencies()).values()]
