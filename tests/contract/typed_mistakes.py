"""Handlers and clients with type errors, and the calls that a worker makes; pyright reads this file."""

from triage import Context, ProcessContext, ThreadContext, job
from triage_client import AsyncTriage, Job, Triage, job_spec
from workers.engine.runs.process_context import SubprocessContext
from workers.handling.context import JobContext


def a_worker_passes(ctx: JobContext) -> tuple[Context, ThreadContext]:
    return ctx, ctx


def a_process_passes(ctx: SubprocessContext) -> tuple[Context, ProcessContext]:
    return ctx, ctx


@job
async def in_the_event_loop(ctx: Context) -> None:
    ctx.progress(1)  # error
    await ctx.cancelled.wait(5)  # error
    ctx.limiter("crm", 10, 1).acquire()  # error
    await ctx.progres(1)  # error
    ctx["job_try"].lower()  # error


@job
def in_a_thread(ctx: ThreadContext) -> bool:
    ctx.dependencies().popitem()
    ctx.progress("half")  # error
    return ctx.cancelled.wait("5")  # error


@job(executor="process")
async def in_a_process(ctx: ProcessContext) -> None:
    await ctx.log("rendering")  # error
    await ctx["redis"].enqueue_job("send-letter")  # error


@job
async def a_coroutine_function_with_the_context_of_a_thread(ctx: ThreadContext) -> None:
    await ctx.log("never awaited, as there is nothing to await")  # error


@job
def a_plain_function_with_the_context_of_a_coroutine(ctx: Context) -> None:
    ctx.log("never run, as nobody awaits it")  # error


@job(retry={"attempts": 3})  # error
async def with_a_wrong_policy(ctx: Context) -> None: ...


@job(colour="red")  # error
async def with_a_wrong_option(ctx: Context) -> None: ...


@job(executor="fiber")  # error
async def with_a_wrong_executor(ctx: Context) -> None: ...


with_a_wrong_policy("no context")  # error


def a_client(triage: Triage) -> Job:
    job = triage.submit("work", {"n": 1}, priority=5, retry={"max_attempts": 3}, tags={"a": "b"})
    triage.submit("work", prioritee=5)  # error
    triage.submit("work", retry={"attempts": 3})  # error
    triage.submit("work", priority="high")  # error
    for _ in triage.jobs(state="finished"):  # error
        pass
    triage.fan_out("work", [{"n": 1}], max_concurrency=4, failure_tolerance={"percent": 5}, then="work")
    triage.flow("two", a="work", b=job_spec("work", depends_on=["a", {"key": "a", "when": "failed"}]))
    triage.flow("two", a=job_spec("work", depends_on={"key": "a", "when": "later"}))  # error
    triage.queue("bulk").update(rate_limit={"limit": "10"})  # error
    if job.data["state"] == "finished":  # error
        pass
    return job


async def an_asyncio_client(triage: AsyncTriage) -> str:
    job = await triage.submit("work")
    job.refresh()  # error
    return triage.submit("work").state  # error
