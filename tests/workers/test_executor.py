"""The executor's own decisions about a run, without a server."""

import asyncio
import os
from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.clock import Clock
from service.domain.job import Lease
from service.settings import Settings
from service.store.leases import Finish
from tests.workers.execution import build_executor
from tests.workers.reporting import Notes, lease
from workers.engine.executor import Contexts, Executor
from workers.engine.runs.runners import Runners
from workers.handling.dependencies import RelatedJobs
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


class Finishes:
    """Finishes that are kept in memory."""

    def __init__(self) -> None:
        self.pending: list[Finish] = []

    def add(self, finish: Finish) -> None:
        self.pending.append(finish)


@pytest.fixture
def finishes() -> Finishes:
    return Finishes()


@pytest.fixture
async def executor(store, settings, finishes):
    settings = Settings(redis_url="redis://127.0.0.1:1", **settings)
    registry = Registry.load(["tests.support.scripted"])
    specs = JobSpecs(registry, store, Clock())
    contexts = Contexts({}, Notes(), lambda lease: RelatedJobs(store, specs, lambda prefix: prefix, lease))
    runners = Runners(settings, registry)
    yield build_executor(settings, registry, runners, contexts, finishes)
    runners.close()


def _lease(id: str, timeout_ms: int, **payload: object) -> Lease:
    given = lease(id)
    return replace(given, job=replace(given.job, timeout_ms=timeout_ms, payload=orjson.dumps(payload)))


async def _ended(executor: Executor, finishes: Finishes) -> dict[str, Any]:
    runs = executor.runs
    while runs.by_job:
        runs.concluded.clear()
        await asyncio.wait_for(runs.concluded.wait(), 20)
    return {finish.lease.job.id: finish.settlement for finish in finishes.pending}


async def test_a_run_past_its_timeout_fails_although_a_longer_one_began_before_it(executor, finishes):
    executor.start(_lease("long", 60_000, seconds=0.2), 0)
    executor.start(_lease("short", 20, seconds=60), 0)

    ended = await _ended(executor, finishes)

    assert ended["short"].move.name == "retry"
    assert ended["short"].failure.type == "TimeoutError"
    assert ended["long"].move.name == "complete"


async def test_a_deadline_earlier_than_the_timeout_ends_the_run(executor, finishes):
    given = _lease("late", 60_000, seconds=60)
    executor.start(replace(given, job=replace(given.job, deadline_at=20)), 0)

    assert (await _ended(executor, finishes))["late"].failure.type == "TimeoutError"


@pytest.mark.parametrize("settings", [{"min_retry_seconds": 3, "max_deferrals": 2}])
async def test_settings_limit_how_often_handlers_may_defer(executor, finishes, settings):
    given = _lease("again", 60_000, do="snooze")
    executor.start(given, 0)
    assert (await _ended(executor, finishes))["again"].delay_ms == 3_150

    executor.start(replace(given, job=replace(given.job, id="often", deferrals=2)), 0)
    assert (await _ended(executor, finishes))["often"].failure.type == "TooManyDeferrals"


async def test_a_job_without_a_handler_here_does_not_return_at_once(executor, finishes):
    given = _lease("strange", 60_000)
    executor.start(replace(given, job=replace(given.job, name="not-here")), 0)
    settlement = (await _ended(executor, finishes))["strange"]
    assert (settlement.move.name, settlement.delay_ms >= 1_000) == ("snooze", True)


@pytest.mark.parametrize("suspect", [False, True])
async def test_a_suspect_alone_runs_in_its_own_process(executor, finishes, tmp_path, suspect):
    history = tmp_path / "history"
    executor.start(replace(_lease("one", 60_000, history=str(history)), suspect=suspect), 0)
    assert (await _ended(executor, finishes))["one"].move.name == "complete"
    pid = int(history.read_text().split()[3])
    assert (pid != os.getpid()) == suspect
