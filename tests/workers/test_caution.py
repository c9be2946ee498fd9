"""A worker that starts after another one was lost runs nothing in its own process."""

import os
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from service.domain.outcome import Crashed, Interrupted
from service.reachability import Reachability
from service.settings import Settings
from service.store.namespace import Namespace
from tests.support.factories import claim, submit
from tests.support.manual_clock import ManualClock
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.engine.runs.caution import CALM, Caution
from workers.engine.runs.outcomes import of_exception
from workers.engine.runs.run import Run
from workers.engine.runs.runners import Runners, SubprocessDied
from workers.handling.registry import Registry
from workers.worker import TriageWorker

pytestmark = pytest.mark.anyio


def test_it_ends_when_no_job_has_died_for_a_while() -> None:
    clock = ManualClock()
    caution = Caution(clock)
    caution.on_death()
    assert not caution.active
    caution.begin()
    clock.advance(CALM - 1)
    caution.on_death()
    clock.advance(CALM - 1)
    assert caution.active
    clock.advance(2)
    assert not caution.active


def test_away_ms_counts_from_the_last_contact_and_is_0_while_redis_is_reachable() -> None:
    clock = ManualClock()
    reachability = Reachability(clock)
    clock.advance(5)
    assert reachability.away_ms == 0
    reachability.missed()
    clock.advance(2)
    assert reachability.away_ms == 7_000
    reachability.reached()
    assert reachability.away_ms == 0


@pytest.fixture
def registry() -> Registry:
    return Registry.load(["tests.workers.scripted"])


@pytest.mark.processes
async def test_while_it_is_active_any_handler_runs_alone_and_a_death_prolongs_it(registry: Registry) -> None:
    clock = ManualClock()
    caution = Caution(clock)
    runners = Runners(Settings(redis_url="redis://127.0.0.1:1"), registry, caution)
    handler = registry.find("in-thread")
    assert handler is not None

    async def run(do: str, value: object = None) -> object:
        return await runners.run(handler, context(Notes()), {"do": do, "value": value}, slot(), solo=False)

    try:
        pid, _ = cast(list[int], await run("process"))
        assert pid == os.getpid()
        caution.begin()
        pid, _ = orjson.loads(bytes(cast(Any, await run("process"))))
        assert pid != os.getpid()
        clock.advance(CALM - 1)
        with pytest.raises(SubprocessDied):
            await run("exit", 7)
        clock.advance(CALM - 1)
        assert caution.active
    finally:
        runners.close()


@pytest.mark.parametrize("draining", [False, True])
async def test_the_death_of_a_subprocess_during_a_drain_is_not_blamed_on_its_job(
    draining: bool,
) -> None:
    run = Run(lease(), cast(Any, None), context(Notes()), slot(), times())
    if draining:
        run.context.draining.set()
    outcome = of_exception(run, SubprocessDied("killed by signal 15"))
    assert isinstance(outcome, Interrupted if draining else Crashed)


@pytest.mark.parametrize("after_a_loss", [False, True])
async def test_a_worker_that_starts_after_a_loss_runs_every_job_alone(
    store: Namespace,
    redis_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after_a_loss: bool,
) -> None:
    monkeypatch.setattr("workers.worker.collect_rarely", lambda: None)
    history = tmp_path / "history"
    if after_a_loss:
        await submit(store)
        assert (await claim(store, lease_ms=1)).leases
    await submit(store, name="scripted", payload=orjson.dumps({"history": str(history)}))
    given: Any = {"redis_url": redis_url, "namespace": namespace, "handlers": "tests.support.scripted"}
    settings = Settings(**given, worker_host="127.0.0.1", worker_port=0, lease_seconds=5)
    await TriageWorker(burst=True, handle_signals=False, settings=settings).main()
    pid = int(history.read_text().split()[3])
    assert (pid != os.getpid()) == after_a_loss
