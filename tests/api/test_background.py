"""The API's background duties: they run in every namespace and survive outages of Redis."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import structlog

from service.api.background import Duty, repeat
from service.api.context import AppState, NamespaceState
from service.domain.errors import StoreFault
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from tests.api.client import Api
from tests.support.eventually import eventually


class Rounds:
    """A duty that counts its rounds by namespace, and fails in the namespaces that the test names."""

    def __init__(
        self, failing: str = "", sooner: float | None = None, error: Exception | None = None
    ) -> None:
        self.count: Counter[str] = Counter()
        self._failing = failing
        self._error = error or StoreFault()
        self._sooner = sooner

    async def __call__(self, namespace_state: NamespaceState) -> float | None:
        namespace = namespace_state.namespace.scripts.namespace
        self.count[namespace] += 1
        if namespace == self._failing:
            raise self._error
        return self._sooner


@contextlib.asynccontextmanager
async def repeating(app_state: AppState, pause: float, duty: Duty) -> AsyncGenerator[list[Any]]:
    """The lines that it logs."""
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(repeat("duty", app_state, pause, duty))
        try:
            yield lines
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("error", [StoreFault(), ValueError("a bug, or damaged data")])
async def test_a_failing_namespace_is_logged_once_and_delays_no_other(api: Api, error: Exception) -> None:
    app_state: AppState = api.app.state.app_state
    rounds = Rounds(failing="broken", error=error)
    for namespace in ("first", "broken", "last"):
        app_state.namespace_state(namespace)
    async with repeating(app_state, 0.001, rounds) as lines:

        def many() -> None:
            assert min(rounds.count[namespace] for namespace in ("first", "broken", "last")) > 5

        await eventually(many)
    assert [(line["event"], line["duty"]) for line in lines] == [("duty_failed", "duty")]


async def test_a_duty_with_more_to_do_runs_again_at_once(api: Api) -> None:
    app_state: AppState = api.app.state.app_state
    app_state.namespace_state("one")
    rounds = Rounds(sooner=0)
    async with repeating(app_state, 60, rounds):

        def many() -> None:
            assert rounds.count["one"] > 5

        await eventually(many)


async def test_an_outage_of_redis_is_logged_once_and_the_next_one_again(
    tmp_path: Path, server_binary: Path, namespace: str
) -> None:
    server = EmbeddedServer(tmp_path, server_binary)
    server.start()
    redis = connect(server.url)
    api = Api(redis, namespace)
    app_state: AppState = api.app.state.app_state
    app_state.namespace_state(namespace)
    outcomes: list[bool] = []

    async def heartbeat(namespace_state: NamespaceState) -> None:
        outcomes.append(False)
        await namespace_state.namespace.api_heartbeat(1_000)
        outcomes[-1] = True

    async def several(outcome: bool) -> None:
        outcomes.clear()

        def seen() -> None:
            assert outcomes.count(outcome) > 3

        await eventually(seen, 30)

    async with repeating(app_state, 0.01, heartbeat) as lines:
        for outages in (1, 2):
            await several(True)
            server.kill()
            await several(False)
            assert [line["event"] for line in lines] == ["duty_failed"] * outages
            server.start()
        await several(True)
    assert len(lines) == 2
    await api.close()
    await redis.aclose()
    server.stop()
