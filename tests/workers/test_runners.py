import asyncio
import os
import signal
import threading

import orjson
import pytest

from service.settings import Settings
from tests.eventually import eventually
from tests.workers.reporting import Notes, context
from workers.handler import NonRetryable, Retry, Snooze
from workers.invocation import PayloadMismatch
from workers.registry import Registry
from workers.runners import ChildDied, RemoteFailure, Runners

pytestmark = pytest.mark.anyio

SCRIPTED = ["tests.workers.scripted"]


@pytest.fixture(scope="module")
def registry():
    return Registry.load(SCRIPTED)


@pytest.fixture
def runners(registry):
    runners = Runners(Settings(redis_url="redis://127.0.0.1:1", max_result_bytes=10_000), registry)
    yield runners
    runners.close()


@pytest.fixture
def run(runners, registry):
    async def run(name, do, value=None, *, notes=None, solo=False, ctx=None):
        ctx = ctx or context(notes or Notes(), redis="the client")
        result = await runners.run(registry.find(name), ctx, {"do": do, "value": value}, solo=solo)
        return orjson.loads(bytes(result)) if isinstance(result, bytes) else result

    return run


@pytest.mark.parametrize("name", ["in-loop", "in-thread", "in-process", "in-process-async"])
async def test_every_executor_returns_what_the_handler_returns(run, name):
    assert await run(name, "return", {"a": [1, None, "é"]}) == {"a": [1, None, "é"]}


@pytest.mark.parametrize("name", ["in-loop", "in-thread"])
@pytest.mark.parametrize(
    ("do", "value", "kind"),
    [
        ("raise", "no", ValueError),
        ("retry", 2, Retry),
        ("snooze", 2, Snooze),
        ("non_retryable", "no", NonRetryable),
        ("system_exit", None, SystemExit),
        ("stop_iteration", None, RuntimeError),
    ],
)
async def test_here_and_in_a_thread_the_handlers_own_exception_arrives(run, name, do, value, kind):
    with pytest.raises(kind):
        await run(name, do, value)


@pytest.mark.parametrize("name", ["in-process", "in-process-async"])
@pytest.mark.parametrize(
    ("do", "value", "kind", "error_type", "delay_ms"),
    [
        ("raise", "no", "failed", "ValueError", None),
        ("retry", 2, "failed", "Retry", 2000),
        ("snooze", 2, "snooze", "Snooze", 2000),
        ("non_retryable", "no", "non_retryable", "NonRetryable", None),
        ("return", "x" * 10_000, "non_retryable", "ResultInvalid", None),
        ("system_exit", None, "failed", "SystemExit", None),
    ],
)
async def test_from_a_process_a_failure_arrives_with_its_kind(
    run, name, do, value, kind, error_type, delay_ms
):
    with pytest.raises(RemoteFailure) as caught:
        await run(name, do, value)
    assert (caught.value.kind, caught.value.failure.type, caught.value.delay_ms) == (
        kind,
        error_type,
        delay_ms,
    )


async def test_a_payload_that_does_not_fit_never_reaches_the_handler(runners, registry):
    with pytest.raises(PayloadMismatch):
        await runners.run(registry.find("in-thread"), context(Notes()), {}, solo=False)
    with pytest.raises(RemoteFailure) as caught:
        await runners.run(registry.find("in-process"), context(Notes()), {}, solo=False)
    assert caught.value.kind == "non_retryable"


async def test_a_thread_is_not_the_event_loops(run):
    assert await run("in-thread", "thread") is False


async def test_reports_of_a_thread_arrive(run):
    notes = Notes()
    ctx = context(notes)
    await run("in-thread", "report", 50, ctx=ctx)
    await ctx.flush()
    assert notes.progressed[-1] == {"current": 50, "total": 50, "message": "going"}
    assert notes.logged == ["done"]


async def test_a_cancelled_thread_keeps_its_slot_until_it_ends(run, runners):
    notes, gate = Notes(), threading.Event()
    ctx = context(notes)
    task = asyncio.create_task(run("in-thread", "until_cancelled", gate, ctx=ctx))
    await notes.heard.wait()
    ctx.cancelled.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert runners.leaked == 1
    gate.set()

    def ended():
        assert runners.leaked == 0

    await eventually(ended)


async def test_a_process_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(run):
    pid, session = await run("in-process", "process")
    assert pid == session != os.getpid()


async def test_a_process_knows_its_job_but_not_redis(run):
    assert await run("in-process", "identity") == [
        "job_1",
        2,
        "2023-11-14T22:13:20+00:00",
        1_700_000_000_500,
        False,
    ]


async def test_a_coroutine_in_a_process_has_redis_and_events_that_can_be_awaited(run):
    notes = Notes()
    assert await run("in-process-async", "context", notes=notes) == [True, False, True]
    assert notes.logged == ["one"]


async def test_reports_of_a_process_arrive(run):
    notes = Notes()
    ctx = context(notes)
    await run("in-process", "report", 50, ctx=ctx)
    await ctx.flush()
    assert notes.progressed[-1] == {"current": 50, "total": 50, "message": "going"}
    assert notes.logged == ["done"]


@pytest.mark.parametrize("name", ["in-loop", "in-thread"])
async def test_a_suspect_of_any_executor_runs_in_a_process(run, name):
    pid, session = await run(name, "process", solo=True)
    assert pid == session != os.getpid()


@pytest.mark.parametrize(
    ("do", "value"), [("exit", 7), ("exit", 0), ("kill", signal.SIGKILL), ("segfault", None)]
)
async def test_a_process_that_dies_without_a_verdict_says_how(run, do, value):
    with pytest.raises(ChildDied, match=r"ended by signal|ended with status"):
        await run("in-process", do, value)


@pytest.mark.parametrize("do", ["hang", "hang_stubbornly"])
async def test_a_cancelled_process_ends_even_if_it_ignores_being_asked(run, do):
    notes = Notes()
    task = asyncio.create_task(run("in-process", do, notes=notes))
    await asyncio.wait_for(notes.heard.wait(), 20)
    pid = int(notes.logged[0])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    def gone():
        assert _has_ended(pid)

    await eventually(gone)


async def test_a_coroutine_in_a_process_can_be_cancelled_too(run, runners):
    task = asyncio.create_task(run("in-process-async", "hang"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_neighbours_of_a_dying_process_finish(run):
    results = await asyncio.gather(
        run("in-process", "return", 1),
        run("in-process", "segfault"),
        run("in-process", "return", 2),
        return_exceptions=True,
    )
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], ChildDied)


def _has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
