"""Handlers with type errors, and the calls that a worker makes; pyright reads this file, nothing runs it."""

from triage import Context, ProcessContext, ThreadContext, job
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
