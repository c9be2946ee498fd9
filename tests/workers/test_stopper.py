"""How runs are stopped, what their handlers learn, and when the outcome is decided without them."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.workers.execution import Execution
from tests.workers.stoppable import GATES
from workers.engine.runs.run import Run, RunState

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

EVERYWHERE = ["in-loop", "in-thread", "in-process", "in-loop-of-process"]


@pytest.fixture
def make() -> Iterator[Callable[..., Execution]]:
    """An execution with two slots, whose processes and threads end with the test."""
    made: list[Execution] = []

    def make(**settings: Any) -> Execution:
        made.append(Execution(**{"concurrency": 2, "cancel_grace_seconds": 10, **settings}))
        return made[-1]

    yield make
    for gate in GATES.values():
        gate.set()
    GATES.clear()
    for execution in made:
        execution.runners.close()


@pytest.fixture
def gate() -> threading.Event:
    GATES["gate"] = threading.Event()
    return GATES["gate"]


async def unresponsive(run: Run) -> None:
    def waits() -> None:
        assert run.state is RunState.UNRESPONSIVE

    await eventually(waits)


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_cancelled_run_gets_the_message_of_the_request(make, name):
    it = make()
    run = await it.begin(name)
    it.stopper.stop(run, RunState.CANCELLED, 10.0, "the customer left")
    await it.logged("cancelled: the customer left")
    assert (await it.settled()).move.name == "stop"
    await it.free(2)


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_run_past_its_timeout_is_asked_to_stop(make, name):
    it = make()
    it.stopper.stop(await it.begin(name), RunState.TIMED_OUT)
    await it.logged("timeout: None")
    settlement = await it.settled()
    assert settlement.failure is not None
    assert (settlement.move.name, settlement.failure.type) == ("retry", "TimeoutError")
    await it.free(2)


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_run_at_the_end_of_a_drain_is_asked_to_stop_and_handed_back(make, name):
    it = make()
    it.stopper.stop(await it.begin(name), RunState.DRAINED, 10.0)
    await it.logged("draining: None")
    assert (await it.settled()).move.name == "requeue"
    await it.free(2)


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_run_without_its_lease_is_asked_to_stop_and_writes_nothing(make, name):
    it = make()
    it.stopper.on_lease_lost(await it.begin(name))
    await it.logged("lease_lost: None")
    await it.free(2)
    assert (it.finishes, it.runs) == ([], {})


@pytest.mark.parametrize("name", ["in-thread", "in-process"])
@pytest.mark.parametrize(
    ("then", "move"), [("return", "complete"), ("raise", "requeue"), ("stop", "requeue")]
)
async def test_the_result_of_a_drained_function_counts_unless_it_failed_because_of_the_drain(
    make, name, then, move
):
    it = make()
    it.stopper.stop(await it.begin(name, then=then), RunState.DRAINED, 10.0)
    settlement = await it.settled()
    assert (settlement.move.name, settlement.counts) == (move, "interruptions" if move == "requeue" else "")


@pytest.mark.parametrize("name", ["draining-thread", "draining-process"])
async def test_functions_can_wait_for_the_drain_to_begin(make, name):
    it = make()
    await it.begin(name)
    it.executor.draining.set()
    assert (await it.settled()).result == b"true"


async def test_an_expired_grace_frees_the_slot_only_when_the_thread_ends(make, gate):
    it = make()
    run = await it.begin("deaf-thread", gate="gate")
    it.stopper.stop(run, RunState.CANCELLED, 0.05)
    assert (await it.settled()).move.name == "stop"
    assert (it.runs, it.slots.free, it.slots.stuck) == ({}, 1, 1)
    assert it.executor.free_slots_by_type()["deaf-thread"] == 0
    gate.set()
    await it.free(2)
    assert (it.slots.stuck, it.executor.free_slots_by_type()["deaf-thread"]) == (0, 1)


async def test_a_repeated_cancel_can_only_shorten_the_grace(make, gate):
    it = make()
    run = await it.begin("deaf-thread", gate="gate")
    it.stopper.stop(run, RunState.CANCELLED, 60.0)
    timer = run.timer
    it.stopper.stop(run, RunState.CANCELLED, 60.0)
    it.stopper.stop(run, RunState.CANCELLED, 90.0)
    assert run.timer is timer
    it.stopper.stop(run, RunState.CANCELLED, 0.01)
    assert (await it.settled()).move.name == "stop"


async def test_a_grace_beyond_the_timeout_keeps_the_lease(make, gate):
    it = make()
    run = await it.begin("deaf-thread", gate="gate")
    it.stopper.stop(run, RunState.CANCELLED, 3_600.0)
    assert run.times.hard_deadline > run.times.started + 3_600


async def test_the_retry_of_a_thread_past_its_timeout_waits_for_its_end(make, gate):
    it = make(cancel_grace_seconds=0.02)
    run = await it.begin("deaf-thread", gate="gate")
    it.stopper.stop(run, RunState.TIMED_OUT)
    await unresponsive(run)
    assert (it.finishes, it.runs) == ([], {"job_1": run})
    assert (it.slots.stuck, run.times.hard_deadline > run.times.started + 600) == (1, True)
    gate.set()
    settlement = await it.settled()
    assert settlement.failure is not None
    assert (settlement.move.name, settlement.failure.type) == ("retry", "TimeoutError")
    await it.free(2)


async def test_the_retry_waits_for_a_thread_no_longer_than_the_limit(make, gate):
    it = make(cancel_grace_seconds=0.02, stuck_threads_seconds=0.05)
    it.stopper.stop(await it.begin("deaf-thread", gate="gate"), RunState.TIMED_OUT)
    assert (await it.settled()).move.name == "retry"
    assert (it.runs, it.slots.free) == ({}, 1)


async def test_a_last_attempt_is_dead_as_soon_as_its_grace_is_over(make, gate):
    it = make(cancel_grace_seconds=0.02)
    it.stopper.stop(await it.begin("deaf-thread", attempts=2, gate="gate"), RunState.TIMED_OUT)
    assert (await it.settled()).reason == "exhausted"


async def test_a_deadline_ends_the_wait_for_a_thread(make, gate):
    it = make(cancel_grace_seconds=0.02)
    run = await it.begin("deaf-thread", gate="gate", deadline_at=1_000)
    it.stopper.stop(run, RunState.TIMED_OUT)
    await unresponsive(run)
    assert (await it.settled()).reason == "deadline"


@pytest.mark.parametrize("how", ["cancelled", "lost", "drained"])
async def test_an_unresponsive_run_ends_at_once_when_no_retry_can_overlap_it(make, gate, how):
    it = make(cancel_grace_seconds=0.02)
    run = await it.begin("deaf-thread", gate="gate")
    it.stopper.stop(run, RunState.TIMED_OUT)
    await unresponsive(run)
    match how:
        case "cancelled":
            # Redis turns any finish of a job with a cancel request into cancelled.
            it.stopper.stop(run, RunState.CANCELLED, 60.0)
        case "lost":
            it.stopper.on_lease_lost(run)
        case _:
            it.stopper.abandon(run)
    assert (len(it.finishes), it.runs) == (0 if how == "lost" else 1, {})


async def test_a_job_that_returns_waits_for_its_own_unfinished_thread(make, gate):
    it = make()
    it.stopper.stop(await it.begin("deaf-thread", gate="gate"), RunState.CANCELLED, 0.01)
    await it.settled()
    again = it.start("deaf-thread", gate="gate", timeout_ms=5_000)
    assert (it.notes.logged, it.slots.free) == (["begun"], 0)
    gate.set()
    assert (await it.settled(2)).move.name == "complete"
    assert it.notes.logged == ["begun", "begun"]
    assert again.times.deadline <= again.times.started + 5


async def test_messages_about_an_earlier_lease_do_not_affect_a_later_run(make):
    it = make()
    run = await it.begin("in-loop")
    assert it.executor.runs.find("job_1", run.lease.token) is run
    assert it.executor.runs.find("job_1", "an earlier one") is None
    assert it.executor.runs.find("job_2", run.lease.token) is None
    it.stopper.on_lease_lost(run)
    await it.free(2)


async def test_a_job_that_returns_waits_no_longer_than_the_limit(make, gate):
    it = make(stuck_threads_seconds=0.05)
    it.stopper.stop(await it.begin("deaf-thread", gate="gate"), RunState.CANCELLED, 0.01)
    await it.settled()
    it.start("deaf-thread", gate="gate")
    await it.logged("begun", times=2)


async def test_a_coroutine_that_swallows_its_cancellation_is_cancelled_again_and_waited_for(make):
    it = make(cancel_grace_seconds=0.02)
    it.stopper.stop(await it.begin("deaf-coroutine", times=1), RunState.TIMED_OUT)
    settlement = await it.settled()
    assert settlement.failure is not None
    assert (settlement.move.name, settlement.failure.type) == ("retry", "TimeoutError")
    assert it.notes.logged == ["begun", "heard", "heard"]
    await it.free(2)


async def test_a_process_that_does_not_listen_is_dead_before_its_retry_is_written(make):
    it = make(cancel_grace_seconds=0.02)
    run = it.start("deaf-process")

    def begun() -> int:
        assert it.notes.logged
        return int(it.notes.logged[0])

    pid = await eventually(begun, 20)
    it.stopper.stop(run, RunState.TIMED_OUT)
    assert (await it.settled()).move.name == "retry"
    assert has_ended(pid)
    await it.free(2)


def has_ended(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
