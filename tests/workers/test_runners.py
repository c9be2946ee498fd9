import asyncio
import os
import signal
import threading

import orjson
import pytest

from service.clock import Clock
from service.settings import Settings
from tests.workers.reporting import Notes, context, slot
from workers.calls.invocation import PayloadMismatch
from workers.engine.runs.runners import RemoteFailure, Runners, SubprocessDied
from workers.engine.runs.slots import Slots
from workers.handler import NonRetryable, Retry, Snooze
from workers.handling.registry import Registry

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

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
    async def run(name, do, value=None, *, notes=None, solo=False, ctx=None, taken=None):
        ctx = ctx or context(notes or Notes(), redis="the client")
        payload = {"do": do, "value": value}
        result = await runners.run(registry.find(name), ctx, payload, taken or slot(), solo=solo)
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
async def test_in_the_loop_and_in_a_thread_the_handlers_own_exception_arrives(run, name, do, value, kind):
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
        await runners.run(registry.find("in-thread"), context(Notes()), {}, slot(), solo=False)
    with pytest.raises(RemoteFailure) as caught:
        await runners.run(registry.find("in-process"), context(Notes()), {}, slot(), solo=False)
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


async def test_a_thread_survives_one_cancellation_and_keeps_its_slot_after_the_second(run):
    notes, gate, slots = Notes(), threading.Event(), Slots(Clock(), 1)
    ctx, taken = context(notes), slots.acquire("job_1", "in-thread")
    task = asyncio.create_task(run("in-thread", "until_cancelled", gate, ctx=ctx, taken=taken))
    await notes.reported.wait()
    ctx.notify_cancel("timeout")
    task.cancel()
    _, pending = await asyncio.wait({task}, timeout=0.05)
    assert pending
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    taken.release()
    assert slots.free == 0
    slots.freed.clear()
    gate.set()
    await asyncio.wait_for(slots.freed.wait(), 10)
    assert slots.free == 1


async def test_a_thread_that_finishes_after_one_cancellation_gives_its_result(run):
    notes, gate = Notes(), threading.Event()
    ctx = context(notes)
    task = asyncio.create_task(run("in-thread", "until_cancelled", gate, ctx=ctx))
    await notes.reported.wait()
    ctx.notify_cancel("draining")
    task.cancel()
    await asyncio.wait({task}, timeout=0.01)
    gate.set()
    assert await task is True


@pytest.mark.parametrize("value", ["50%", float("nan"), True, None])
async def test_progress_that_is_not_a_number_fails_in_a_process_handler_as_well(run, value):
    notes = Notes()
    with pytest.raises(RemoteFailure, match=r"ctx\.progress: current must be"):
        await run("in-process", "progress", value, notes=notes)
    assert notes.progressed == []


@pytest.mark.parametrize("name", ["in-thread", "in-process"])
async def test_a_cancellation_without_a_reason_is_raised_at_once(run, name):
    notes, gate = Notes(), threading.Event()
    do, value = ("until_cancelled", gate) if name == "in-thread" else ("hang", None)
    task = asyncio.create_task(run(name, do, value, notes=notes))
    await notes.reported.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()


def test_a_thread_that_ends_after_the_event_loop_harms_nothing(run, monkeypatch):
    gate, failed = threading.Event(), []
    monkeypatch.setattr(threading, "excepthook", failed.append)

    async def leave_it() -> threading.Thread:
        notes = Notes()
        task = asyncio.create_task(run("in-thread", "until_cancelled", gate, notes=notes))
        await notes.reported.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "job_1"]
        return thread

    thread = asyncio.run(leave_it())
    gate.set()
    thread.join(10)
    assert (thread.is_alive(), failed) == (False, [])


async def test_a_process_has_its_own_session_so_that_ctrl_c_does_not_reach_it(run):
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
async def test_a_process_that_dies_without_an_outcome_reports_how(run, do, value):
    with pytest.raises(SubprocessDied, match=r"killed by signal|exited with status"):
        await run("in-process", do, value)


@pytest.mark.parametrize("do", ["hang", "hang_stubbornly"])
async def test_a_process_that_is_cancelled_twice_is_dead_and_frees_its_slot_then(run, do):
    notes, slots = Notes(), Slots(Clock(), 1)
    ctx, taken = context(notes), slots.acquire("job_1", "in-process")
    task = asyncio.create_task(run("in-process", do, ctx=ctx, taken=taken))
    await asyncio.wait_for(notes.reported.wait(), 20)
    pid = int(notes.logged[0])
    taken.release()
    assert slots.free == 0
    ctx.notify_cancel("timeout")
    task.cancel()
    _, pending = await asyncio.wait({task}, timeout=0.05)
    assert pending
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _has_ended(pid)
    assert slots.free == 1


@pytest.mark.parametrize("name", ["in-thread", "in-process"])
async def test_failing_to_start_a_thread_loses_no_slot(run, monkeypatch, name):
    slots = Slots(Clock(), 1)
    taken = slots.acquire("job_1", name)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        await run(name, "return", 1, taken=taken)
    monkeypatch.undo()
    taken.release()
    assert slots.free == 1


async def test_a_coroutine_in_a_process_is_cancelled_by_the_first_cancellation(run):
    ctx = context(Notes())
    task = asyncio.create_task(run("in-process-async", "hang", ctx=ctx))
    await asyncio.wait({task}, timeout=0.01)
    ctx.notify_cancel("timeout")
    task.cancel()
    with pytest.raises(RemoteFailure) as caught:
        await task
    assert caught.value.kind == "cancelled"


async def test_neighbours_of_a_dying_process_finish(run):
    results = await asyncio.gather(
        run("in-process", "return", 1),
        run("in-process", "segfault"),
        run("in-process", "return", 2),
        return_exceptions=True,
    )
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], SubprocessDied)


def _has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
