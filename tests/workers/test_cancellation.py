"""Tasks that are ended stay ended."""

import asyncio

import pytest

from service.cancellation import end

pytestmark = pytest.mark.anyio


async def test_a_task_that_loses_its_first_cancellations_is_asked_again() -> None:
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
