"""Each handler runs in its own task, as if asyncio.create_task had started it, whether or not it suspends."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from service.domain.states import State
from workers.testing import run

pytestmark = pytest.mark.anyio

SEEN: ContextVar[str] = ContextVar("seen", default="nothing")
Pause = Callable[[], Any]


async def at_once() -> None:
    pass


async def in_a_moment() -> None:
    await asyncio.get_running_loop().run_in_executor(None, int)


@pytest.fixture(params=[at_once, in_a_moment])
def pause(request: pytest.FixtureRequest) -> Pause:
    return request.param


async def test_the_current_task_is_the_runs_own_throughout(pause: Pause) -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def handler(ctx: Any) -> str:
        tasks.append(asyncio.current_task())
        await pause()
        tasks.append(asyncio.current_task())
        return ctx["job_id"]

    first, second = await run(handler), await run(handler)

    one, same, other, same_other = tasks
    assert one is same is not None
    assert other is same_other is not None
    assert len({one, other, asyncio.current_task()}) == 3
    assert [task and task.get_name() for task in (one, other)] == [first.result, second.result]


async def test_a_timeout_within_a_handler_ends_what_it_is_about_and_no_more(pause: Pause) -> None:
    async def handler(ctx: Any) -> str:
        await pause()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        async with asyncio.timeout(60):
            await pause()
        return "went on"

    assert (await run(handler)).result == "went on"


async def test_a_task_group_within_a_handler_fails_with_its_first_error(pause: Pause) -> None:
    async def fail() -> None:
        await pause()
        raise LookupError("no")

    async def handler(ctx: Any) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        except* LookupError:
            raise LookupError("as expected") from None

    end = await run(handler)

    assert end.error is not None
    assert (end.error.type, end.error.message) == ("LookupError", "as expected")


async def test_variables_that_a_handler_sets_are_gone_with_its_run(pause: Pause) -> None:
    async def handler(ctx: Any) -> str:
        before = SEEN.get()
        SEEN.set("something")
        await pause()
        assert SEEN.get() == "something"
        return before

    assert [(await run(handler)).result for _ in range(2)] == ["nothing", "nothing"]
    assert SEEN.get() == "nothing"


async def test_a_handler_that_cancels_its_own_task_harms_no_later_run(pause: Pause) -> None:
    async def cancels(ctx: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        await pause()
        task.cancel()
        await asyncio.Event().wait()

    async def works(ctx: Any) -> str:
        await pause()
        return "done"

    failed, done = await run(cancels), await run(works)

    assert (failed.state, failed.error and failed.error.type) == (State.RETRYING, "CancelledError")
    assert (done.state, done.result) == (State.SUCCEEDED, "done")
