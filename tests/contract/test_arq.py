"""Everything that Triage relies on in arq 0.28: an upgrade that changes it fails here, not in production."""

import inspect
from importlib.metadata import version
from typing import Any, cast

import arq.worker
from arq.cli import cli
from arq.connections import ArqRedis

import workers.main
from workers.handling.arq_client import TriageRedis
from workers.worker import TriageWorker


def test_arq_is_the_version_that_was_read() -> None:
    assert version("arq") == "0.28.0"


def test_arqs_command_builds_our_worker() -> None:
    assert issubclass(arq.worker.Worker, TriageWorker)
    assert "Worker(" in inspect.getsource(arq.worker.create_worker)
    assert "create_worker(" in inspect.getsource(arq.worker.run_worker)
    assert "run_worker(" in inspect.getsource(cli.callback)  # type: ignore[arg-type]
    assert arq.worker.get_kwargs(cast(Any, workers.main.WorkerSettings)).keys() == {"functions"}


def test_overridden_methods_exist_with_the_expected_parameters() -> None:
    stock = TriageWorker.__mro__[1]
    assert stock.__module__ == "arq.worker"
    for name in ("main", "close", "handle_sig", "run"):
        assert name in vars(TriageWorker)
        assert inspect.signature(getattr(stock, name)) == inspect.signature(getattr(TriageWorker, name))
    assert list(inspect.signature(ArqRedis.enqueue_job).parameters) == list(
        inspect.signature(TriageRedis.enqueue_job).parameters
    )


def test_inherited_methods_call_only_what_we_replaced() -> None:
    stock = TriageWorker.__mro__[1]
    run = inspect.getsource(stock.run)
    assert "self.main()" in run
    assert "self.close()" in run
    assert "self.handle_sig" in inspect.getsource(stock.__init__)
    assert "self.pool.enqueue_job(" in inspect.getsource(stock.run_cron)
    assert "_job_id=job_id" in inspect.getsource(stock.run_cron)


def test_retry_tells_its_delay_in_milliseconds() -> None:
    assert arq.worker.Retry(defer=1.5).defer_score == 1500
    assert arq.worker.Retry().defer_score is None


def test_functions_carry_the_defaults_of_their_job_type() -> None:
    async def handler(ctx: object) -> None: ...

    function = arq.worker.func(handler, name="name", timeout=5, max_tries=2, keep_result=60)
    assert (function.name, function.timeout_s, function.max_tries, function.keep_result_s) == (
        "name",
        5,
        2,
        60,
    )
