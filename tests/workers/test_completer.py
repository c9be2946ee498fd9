"""Finishes are written in batches that Redis can process in time."""

import asyncio
from typing import Any
from unittest import mock

import pytest

from service.domain.outcome import Succeeded
from service.domain.results import FinishResult
from service.domain.states import State
from service.store.leases import Finish
from service.store.namespace import Namespace
from service.store.redis import keys
from service.tasks import end
from tests.support.eventually import eventually
from tests.support.factories import claim, ending, state_of, submit
from workers.engine.completer import Completer

pytestmark = pytest.mark.anyio


async def test_large_results_are_finished_a_few_at_a_time(store: Namespace) -> None:
    ids = [await submit(store) for _ in range(20)]
    result = b'"' + b"r" * 1_000_000 + b'"'
    sizes: list[int] = []
    finish = store.leases.finish

    async def measured(batch: list[Finish]) -> list[FinishResult]:
        sizes.append(sum(len(row.settlement.result or b"") for row in batch))
        return await finish(batch)

    completer = Completer(store.leases, lambda finish, word: None)
    with mock.patch.object(store.leases, "finish", measured):
        for lease in (await claim(store, 20)).leases:
            completer.add(ending(lease, Succeeded(result)))
        working = asyncio.create_task(completer.work())
        assert await completer.flush(10)
        await end([working])
    assert max(sizes) < 5_000_000
    assert sum(sizes) == 20 * len(result)

    async def finished() -> None:
        assert {await state_of(store, id) for id in ids} == {State.SUCCEEDED}

    await eventually(finished)


async def test_a_finish_that_redis_cannot_store_holds_up_no_other(store: Namespace) -> None:
    """Its call fails every time: a key of the job is damaged, or a script has a bug."""
    ids = [await submit(store) for _ in range(5)]
    leases = {lease.job.id: lease for lease in (await claim(store, 5)).leases}
    redis: Any = store.scripts.redis
    key = keys.job(store.scripts.prefix, id=ids[1])
    saved = await redis.dump(key)
    await redis.set(key, "damaged")
    replies: list[str] = []

    def on_reply(finish: Finish, result: FinishResult) -> None:
        replies.append(finish.lease.job.id)
        if finish.lease.job.id == ids[2]:
            raise ValueError("a bug")

    completer = Completer(store.leases, on_reply)
    for id in ids:
        completer.add(ending(leases[id], Succeeded(b"1")))
    working = asyncio.create_task(completer.work())

    async def others_finished() -> None:
        assert [await state_of(store, id) for id in ids if id != ids[1]] == [State.SUCCEEDED] * 4

    await eventually(others_finished)
    assert [finish.lease.job.id for finish in completer.pending] == [ids[1]]
    await redis.restore(key, 0, saved, replace=True)
    assert await completer.flush(10)
    assert await state_of(store, ids[1]) is State.SUCCEEDED
    assert sorted(replies) == sorted(ids)
    await end([working])
