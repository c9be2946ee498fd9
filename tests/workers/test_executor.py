"""What the executor itself decides about a run, without a server."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from service.clock import Clock
from service.domain.job import Lease
from service.settings import Settings
from tests.workers.reporting import Notes, lease
from workers.engine.completer import Settler
from workers.engine.executor import Executor
from workers.engine.runs.runners import Runners
from workers.engine.runs.tracing import RunTracing
from workers.handling.dependencies import Relatives
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
async def executor(stores, settings):
    settings = Settings(redis_url="redis://127.0.0.1:1", **settings)
    registry = Registry.load(["tests.support.scripted"])
    return Executor(
        settings=settings,
        clock=Clock(),
        random=lambda: 0.5,
        registry=registry,
        runners=Runners(settings, registry),
        settler=Settler(stores.leases, lambda finish, word: None),
        reporter=Notes(),
        relatives=lambda lease: Relatives(
            stores, JobSpecs(registry, stores, Clock()), lambda prefix: prefix, lease
        ),
        hooks=registry.hooks,
        metrics=Metrics(),
        tracing=RunTracing(None),
        worker_id="wk_1",
        shared={},
    )


def _lease(id: str, timeout_ms: int, **payload: object) -> Lease:
    given = lease(id)
    return replace(given, job=replace(given.job, timeout_ms=timeout_ms, payload=orjson.dumps(payload)))


async def _ended(executor: Executor) -> dict[str, Any]:
    while executor.runs:
        executor.run_concluded.clear()
        await asyncio.wait_for(executor.run_concluded.wait(), 5)
    return {finish.lease.job.id: finish.settlement for finish in cast(Settler, executor._settler).pending}


async def test_a_run_past_its_timeout_fails_although_a_longer_one_began_before_it(executor):
    executor.start(_lease("long", 60_000, seconds=0.2), 0)
    executor.start(_lease("short", 20, seconds=60), 0)

    ended = await _ended(executor)

    assert ended["short"].move.name == "retry"
    assert ended["short"].failure.type == "TimeoutError"
    assert ended["long"].move.name == "complete"


async def test_a_deadline_earlier_than_the_timeout_ends_the_run(executor):
    given = _lease("late", 60_000, seconds=60)
    executor.start(replace(given, job=replace(given.job, deadline_at=20)), 0)

    assert (await _ended(executor))["late"].failure.type == "TimeoutError"


@pytest.mark.parametrize("settings", [{"min_retry_seconds": 3, "max_deferrals": 2}])
async def test_handlers_that_ask_for_later_are_bound_by_the_settings(executor, settings):
    given = _lease("again", 60_000, do="snooze")
    executor.start(given, 0)
    assert (await _ended(executor))["again"].delay_ms == 3_150

    executor.start(replace(given, job=replace(given.job, id="often", deferrals=2)), 0)
    assert (await _ended(executor))["often"].failure.type == "TooManyDeferrals"


async def test_a_job_without_a_handler_here_does_not_come_back_at_once(executor):
    given = _lease("strange", 60_000)
    executor.start(replace(given, job=replace(given.job, name="not-here")), 0)
    settlement = (await _ended(executor))["strange"]
    assert (settlement.move.name, settlement.delay_ms >= 1_000) == ("snooze", True)
