"""on_startup, on_shutdown, on_job_start, on_job_end and after_job_end."""

import asyncio
import contextvars

import pytest
from arq.worker import Retry, func

from service.domain.states import State
from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio

tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")


async def response(ctx):
    return 42


async def test_a_worker_starts_up_and_shuts_down_once(make_worker):
    calls = []

    async def startup(ctx):
        calls.append(("startup", "redis" in ctx))

    async def shutdown(ctx):
        calls.append(("shutdown", "redis" in ctx))

    await make_worker([response], on_startup=startup, on_shutdown=shutdown).main()
    assert calls == [("startup", True), ("shutdown", True)]


async def test_a_worker_whose_startup_fails_does_not_start(make_worker, pool):
    async def startup(ctx):
        raise RuntimeError("no database")

    await pool.enqueue_job("response")
    with pytest.raises(RuntimeError, match="no database"):
        await make_worker([response], on_startup=startup).main()
    assert len(await pool.queued_jobs()) == 1


async def test_the_hooks_of_a_job_have_its_context_in_order(make_worker, pool):
    calls = []

    def note(name):
        async def hook(ctx):
            calls.append((name, ctx["job_id"], ctx["job_try"], ctx.setdefault("session", "opened")))

        return hook

    job = await pool.enqueue_job("response")
    await make_worker(
        [response], on_job_start=note("start"), on_job_end=note("end"), after_job_end=note("after")
    ).main()
    assert calls == [(name, job.job_id, 1, "opened") for name in ("start", "end", "after")]


async def test_after_hooks_run_when_the_outcome_is_stored(make_worker, pool):
    states = []

    async def note(ctx):
        states.append((await pool.find_job(ctx["job_id"])).state)

    await pool.enqueue_job("response")
    await make_worker([response], on_job_end=note, after_job_end=note).main()
    assert states == [State.RUNNING, State.SUCCEEDED]


async def test_the_last_after_hook_finishes_before_the_worker_shuts_down(make_worker, pool):
    calls = []

    async def after(ctx):
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.2)
        calls.append("after")

    async def shutdown(ctx):
        calls.append("shutdown")

    await pool.enqueue_job("response")
    await make_worker([response], after_job_end=after, on_shutdown=shutdown).main()
    assert calls == ["after", "shutdown"]


@pytest.mark.parametrize("executor", ["async", "thread"])
async def test_a_handler_sees_the_context_variables_of_its_start_hook(make_worker, pool, executor):
    async def start(ctx):
        tenant.set("acme")

    async def in_loop(ctx):
        return tenant.get()

    def in_thread(ctx):
        return tenant.get()

    handler = in_loop if executor == "async" else in_thread
    job = await pool.enqueue_job(handler.__name__)
    await make_worker([handler], on_job_start=start).main()
    assert await job.result(timeout=10) == "acme"


async def test_an_after_hook_sees_the_context_variables_of_its_start_hook(make_worker, pool):
    seen = []

    async def start(ctx):
        tenant.set("acme")

    async def after(ctx):
        seen.append(tenant.get())

    await pool.enqueue_job("response")
    await make_worker([response], on_job_start=start, after_job_end=after).main()
    assert seen == ["acme"]


async def test_an_end_hook_may_reset_what_the_start_hook_set(make_worker, pool):
    reset = []

    async def start(ctx):
        ctx["token"] = tenant.set("acme")

    async def end(ctx):
        tenant.reset(ctx["token"])
        reset.append(tenant.get())

    await pool.enqueue_job("response")
    await make_worker([response], on_job_start=start, on_job_end=end).main()
    assert reset == ["none"]


async def test_a_start_hook_that_fails_fails_the_attempt_and_the_handler_does_not_run(make_pool, make_worker):
    calls = []

    async def start(ctx):
        raise RuntimeError("no database")

    async def note(ctx):
        calls.append(1)

    functions = [func(note, name="note", max_tries=1)]
    job = await make_pool(*functions).enqueue_job("note")
    await make_worker(functions, on_job_start=start, on_job_end=note, after_job_end=note).main()
    with pytest.raises(RuntimeError, match="no database"):
        await job.result(timeout=10)
    assert calls == []


async def test_a_start_hook_may_ask_for_another_try(make_pool, make_worker):
    async def start(ctx):
        if ctx["job_try"] == 1:
            raise Retry(0.01)

    job = await make_pool(response).enqueue_job("response")
    await make_worker([response], on_job_start=start).main()
    assert (await job.info()).job_try == 2


@pytest.mark.parametrize(
    "error", [ValueError(), SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()]
)
@pytest.mark.parametrize("hook", ["on_job_end", "after_job_end"])
async def test_an_end_hook_that_fails_changes_nothing(make_worker, pool, hook, error):
    async def fails(ctx):
        raise error

    job = await pool.enqueue_job("response")
    await make_worker([response], **{hook: fails}).main()
    assert await job.result(timeout=10) == 42


async def test_end_hooks_run_for_each_try_of_a_job_that_fails(make_pool, make_worker):
    tries = []

    async def end(ctx):
        tries.append(ctx["job_try"])

    async def third(ctx):
        if ctx["job_try"] < 3:
            raise Retry(0.01)

    await make_pool(third).enqueue_job("third")
    await make_worker([third], on_job_end=end, after_job_end=end).main()
    assert tries == [1, 1, 2, 2, 3, 3]


async def test_the_hooks_of_a_cancelled_job_run(pool, running):
    calls = []

    async def start(ctx):
        calls.append("start")

    async def end(ctx):
        calls.append("end")

    async def after(ctx):
        calls.append("after")

    async def hang(ctx):
        await asyncio.Event().wait()

    job = await pool.enqueue_job("hang")
    await running([hang], on_job_start=start, on_job_end=end, after_job_end=after)

    def started():
        assert calls == ["start"]

    await eventually(started)
    await job.abort(timeout=10)

    def ended():
        assert calls == ["start", "end", "after"]

    await eventually(ended)


async def test_hooks_of_two_modules_nest(make_worker, pool, tmp_path, monkeypatch, worker_settings):
    calls = []
    text = """
from arq import func
async def {name}_job(ctx): ...
async def start(ctx): ctx["calls"].append("{name} starts")
async def end(ctx): ctx["calls"].append("{name} ends")
class WorkerSettings:
    functions = [{name}_job]
    on_job_start = start
    on_job_end = end
"""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("nested_outer", "nested_inner"):
        (tmp_path / f"{name}.py").write_text(text.format(name=name))
    settings = worker_settings.model_copy(update={"handlers": "nested_outer,nested_inner"})
    await pool.enqueue_job("nested_outer_job")
    await make_worker(settings=settings, ctx={"calls": calls}).main()
    assert calls == [
        "nested_outer starts",
        "nested_inner starts",
        "nested_inner ends",
        "nested_outer ends",
    ]
