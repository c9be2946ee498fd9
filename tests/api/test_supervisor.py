"""The supervisor of several API processes replaces each, also when the machine has none left for a while."""

import asyncio
import errno
from typing import Any

import pytest

from service.api.processes import supervisor
from service.api.processes.supervisor import Supervisor
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_process_that_cannot_be_started_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.001)
    supervised = Supervisor(Settings(), [[]])
    tries: list[int] = []

    async def fork(*_: Any, **__: Any) -> None:
        tries.append(len(tries))
        if len(tries) == 3:
            supervised._stop.set()
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", fork)
    await asyncio.wait_for(supervised._supervise(0), 5)
    assert len(tries) == 3
