"""Prepares the event loop for arq's Worker, and updates the counters that its users read after a run."""

import asyncio
from collections.abc import Sequence

import arq.worker
import structlog
import uvloop

from service.domain.results import FinishResult
from service.domain.states import FINISHED, State
from service.settings import Settings
from service.store.leases import Finish
from workers.arq.settings import ArqSettings, name_ignored

log = structlog.get_logger("triage.arq")


def prepare_loop() -> None:
    """Use uvloop, unless the worker is created inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        uvloop.install()
        asyncio.set_event_loop(asyncio.new_event_loop())


def count_finish(worker: arq.worker.Worker, finish: Finish, result: FinishResult) -> None:
    """Update arq's counters; `result` is the reply to the finish."""
    state = State.CANCELLED if result is FinishResult.CANCELLED else finish.settlement.move.target
    if state is State.SUCCEEDED:
        worker.jobs_complete += 1
    elif state in FINISHED:
        worker.jobs_failed += 1
    elif state is State.RETRYING:
        worker.jobs_retried += 1


def warn_of_ignored(settings: Settings, every: Sequence[ArqSettings]) -> None:
    for sentence in name_ignored(settings, every):
        log.warning("arq_option_ignored", option=sentence)
