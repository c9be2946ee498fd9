"""Finishes are written in batches that Redis can process in time."""

import asyncio
from unittest import mock

import pytest

from service.domain.outcome import Succeeded
from service.domain.results import FinishResult
from service.domain.states import State
from service.store.leases import Finish
from service.store.namespace import Namespace
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
