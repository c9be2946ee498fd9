"""The subscription that a process shares: a caller that joins while it ends gets the next one."""

import pytest

from service.store.changes import subscriber
from service.store.namespace import Namespace
from service.tasks import within
from tests.support.eventually import eventually


async def test_a_caller_that_joins_while_the_last_subscription_ends_is_notified(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(subscriber, "CHECK_SECONDS", 0.01)
    shared = store.change_feed._subscriber

    async def watched() -> None:
        async with store.change_feed.watch("job_1"):
            pass

    def ends() -> None:
        assert shared._channels is not table

    for _ in range(30):
        await within(5, watched())
        table = shared._channels
        # Its task runs a moment longer, because leaving a channel takes a round trip.
        await eventually(ends, interval=0)
