"""A typical arq module, which knows nothing of Triage."""

from typing import Any, ClassVar

from arq.worker import Retry, func


async def startup(ctx: dict[str, Any]) -> None:
    ctx["greeting"] = "hello"


async def shutdown(ctx: dict[str, Any]) -> None:
    (ctx["settings"].data_dir / "shutdown").write_text("done")


async def greet(ctx: dict[str, Any], name: str, *, loud: bool = False) -> str:
    text = f"{ctx['greeting']} {name}"
    return text.upper() if loud else text


async def twice(ctx: dict[str, Any]) -> int:
    if ctx["job_try"] == 1:
        raise Retry(defer=0.1)
    return int(ctx["job_try"])


async def parent(ctx: dict[str, Any]) -> str | None:
    job = await ctx["redis"].enqueue_job("greet", "child", loud=True, _job_id="once")
    again = await ctx["redis"].enqueue_job("greet", "child", loud=True, _job_id="once")
    assert again is None
    return job.job_id if job else None


class WorkerSettings:
    functions: ClassVar[list[Any]] = [greet, twice, func(parent, name="a_parent", timeout=30)]
    on_startup = startup
    on_shutdown = shutdown
