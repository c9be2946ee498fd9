"""Tasks that are cancelled really end."""

import asyncio

import pytest

from service.tasks import end, within

pytestmark = pytest.mark.anyio


async def test_a_task_that_loses_its_first_cancellations_is_cancelled_again() -> None:
    lost = 0
    for_ever, begun = asyncio.Event(), asyncio.Event()

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await for_ever.wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async def quick() -> None:
        pass

    async def broken() -> None:
        begun.set()
        try:
            await for_ever.wait()
        finally:
            raise ValueError("on the way out")

    tasks = [asyncio.create_task(work) for work in (deaf(), quick(), broken())]
    await begun.wait()
    async with asyncio.timeout(10):
        await end(tasks)
    assert lost == 3
    assert [task.done() for task in tasks] == [True] * 3
    assert isinstance(tasks[2].exception(), ValueError)


async def test_work_under_a_time_limit_ends_even_if_it_loses_a_cancellation() -> None:
    for_ever, ended = asyncio.Event(), asyncio.Event()

    async def deaf() -> None:
        try:
            await for_ever.wait()
        except asyncio.CancelledError:
            await for_ever.wait()
        finally:
            ended.set()

    async def broken() -> None:
        raise ValueError("its own")

    async def quick() -> str:
        return "done"

    assert await within(10, quick()) == "done"
    with pytest.raises(ValueError, match="its own"):
        await within(10, broken())
    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            await within(0.001, deaf())
    assert ended.is_set()


async def test_a_cancelled_caller_cancels_its_work() -> None:
    for_ever, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await for_ever.wait()
        finally:
            ended.set()

    task = asyncio.create_task(within(10, work()))
    await begun.wait()
    await end([task])
    assert (task.cancelled(), ended.is_set()) == (True, True)
