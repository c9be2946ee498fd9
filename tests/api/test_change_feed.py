"""Watches are announced in Redis once for all watchers of a job, and again after a pause."""

import asyncio
from typing import Any

import pytest

from service.store.changes import change_feed
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.support.eventually import eventually


async def test_several_watchers_are_announced_once(store: Namespace) -> None:
    client: Any = store.scripts.redis
    async with store.change_feed.watch("job_1"):
        before = (await client.info("stats"))["total_commands_processed"]
        async with store.change_feed.watch("job_1"):
            assert (await client.info("stats"))["total_commands_processed"] - before == 1
        assert store.change_feed._announced == {"job_1"}
    assert store.change_feed._announced == set()


async def test_a_long_watch_stays_announced(store: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_feed, "_RENEW_SECONDS", 0.1)
    client: Any = store.scripts.redis
    async with store.change_feed.watch("job_1"):
        # Pretend that the announcement was long ago.
        await client.zadd(keys.watched(store.scripts.prefix), {"job_1": 1})

        async def renewed() -> None:
            assert await client.zscore(keys.watched(store.scripts.prefix), "job_1") > 1

        await eventually(renewed)


async def test_a_process_that_was_suspended_reads_again(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "_RENEW_SECONDS", 0.1)
    monkeypatch.setattr(change_feed, "_ENTRY_SECONDS", 1)
    async with store.change_feed.watch("job_1") as changed:
        await asyncio.wait_for(changed.wait(), 10)
    assert not changed.lost
