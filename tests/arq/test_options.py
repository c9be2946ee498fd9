"""Options of WorkerSettings: each one either works, or is named at start-up and by `triage check`."""

import asyncio
import inspect
import re
from datetime import UTC, timedelta

import pytest
from arq.cron import cron
from arq.worker import Retry, func
from structlog.testing import capture_logs

from service.domain.errors import ConfigurationInvalid
from service.settings import Settings
from tests.e2e.processes import ROOT
from workers.arq.settings import IGNORED, IGNORED_VALUES, OPTIONS, name_ignored, worker_settings
from workers.handling.registry import Registry
from workers.worker import TriageWorker

pytestmark = pytest.mark.anyio


async def response(ctx):
    return 42


def loaded(*functions, **options):
    return Registry.load([], functions or (response,), options)


def defaults(*functions, **options):
    registry = loaded(*functions, **options)
    return registry.handlers[0].defaults


#: Options whose effect the tests of this folder show.
WORK = {
    *(
        "functions",
        "queue_name",
        "cron_jobs",
        "burst",
        "on_startup",
        "on_shutdown",
        "on_job_start",
        "on_job_end",
    ),
    *(
        "after_job_end",
        "job_completion_wait",
        "max_jobs",
        "job_timeout",
        "keep_result",
        "keep_result_forever",
    ),
    *("max_tries", "ctx", "retry_jobs", "expires_extra_ms", "timezone", "max_burst_jobs"),
}


def test_every_option_has_an_effect_or_is_named():
    assert WORK | set(IGNORED) | {name for name, _ in IGNORED_VALUES} == OPTIONS


def test_the_documentation_lists_every_option():
    page = (ROOT / "docs/how-to/migrate-from-arq.md").read_text()
    section = page.partition("\n## Options of WorkerSettings\n")[2].partition("\n## ")[0]
    assert OPTIONS - set(re.findall(r"`(\w+)`", section)) == set()


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_an_option_without_effect_is_named_with_its_reason(name):
    [sentence] = loaded(**{name: object()}).settings[0].ignored
    assert f"WorkerSettings.{name} has no effect: {IGNORED[name]}." in sentence


@pytest.mark.parametrize(("name", "value"), sorted(IGNORED_VALUES))
def test_only_a_value_without_effect_is_named(name, value):
    assert len(loaded(**{name: value}).settings[0].ignored) == 1
    assert loaded(**{name: not value}).settings[0].ignored == ()


async def test_a_worker_names_options_without_effect_at_start_up(make_worker):
    with capture_logs() as lines:
        await make_worker([response], poll_delay=0.1).main()
    assert [line["option"] for line in lines if line["event"] == "arq_option_ignored"] == [
        "Worker: WorkerSettings.poll_delay has no effect: Triage wakes workers; they do not poll."
    ]


def test_a_burst_limited_to_a_number_of_jobs_is_refused():
    with pytest.raises(ConfigurationInvalid, match="max_burst_jobs is not supported"):
        loaded(max_burst_jobs=1)
    assert loaded(max_burst_jobs=-1).settings[0].ignored == ()


def test_a_function_of_arq_has_five_tries_by_default():
    assert defaults() == {"retry": {"max_attempts": 5}}


def test_tries_of_the_worker_and_of_the_function_count():
    assert defaults(max_tries=2)["retry"] == {"max_attempts": 2}
    assert defaults(func(response, max_tries=3), max_tries=2)["retry"] == {"max_attempts": 3}


def test_without_retries_there_is_one_try():
    assert defaults(retry_jobs=False)["retry"] == {"max_attempts": 1}


@pytest.mark.parametrize("value", [7, 7.0, timedelta(seconds=7)])
def test_time_limits_are_seconds_or_a_timedelta(value):
    assert defaults(job_timeout=value)["timeout_seconds"] == 7
    assert defaults(keep_result=value)["retention_seconds"] == 7


def test_the_time_limit_of_a_function_wins():
    assert defaults(func(response, timeout=3), job_timeout=7)["timeout_seconds"] == 3


def test_results_are_kept_for_the_time_given():
    assert "retention_seconds" not in defaults()
    assert defaults(keep_result=0)["retention_seconds"] == 0
    assert defaults(func(response, keep_result=60), keep_result=7)["retention_seconds"] == 60


def test_results_that_are_kept_forever_are_kept_ten_years():
    assert defaults(keep_result_forever=True)["retention_seconds"] == 315_360_000
    assert (
        defaults(func(response, keep_result_forever=True), keep_result=7)["retention_seconds"] == 315_360_000
    )


def test_jobs_go_to_the_queue_of_their_worker():
    assert defaults(queue_name="mine")["queue"] == "mine"
    assert "queue" not in defaults(queue_name="arq:queue")


@pytest.mark.parametrize(
    "options",
    [
        {"max_tries": 0},
        {"max_tries": "many"},
        {"job_timeout": "long"},
        {"job_timeout": -1},
        {"keep_result": float("nan")},
        {"queue_name": "no such/queue"},
        {"max_jobs": 0},
        {"max_jobs": 1.5},
        {"cron_jobs": [response]},
        {"timezone": "Europe/Berlin"},
        {"on_startup": "startup"},
        {"job_completion_wait": -1},
        {"expires_extra_ms": -1},
        {"expires_extra_ms": 315_360_000_001},
    ],
)
def test_an_invalid_option_is_refused(options):
    with pytest.raises(ConfigurationInvalid, match="WorkerSettings of Worker"):
        loaded(**options)


def test_max_jobs_and_the_drain_come_from_the_settings_unless_the_environment_sets_them():
    registry = loaded(max_jobs=3, job_completion_wait=60)
    settings = worker_settings(Settings(), registry.settings)
    assert (settings.concurrency, settings.drain_seconds) == (3, 60)
    assert name_ignored(settings, registry.settings) == []


def test_the_environment_wins_over_max_jobs_and_the_drain_with_a_warning():
    registry = loaded(max_jobs=3, job_completion_wait=60)
    settings = worker_settings(Settings(concurrency=9, drain_seconds=60), registry.settings)
    assert (settings.concurrency, settings.drain_seconds) == (9, 60)
    assert name_ignored(settings, registry.settings) == [
        "Worker: WorkerSettings.max_jobs = 3 has no effect: TRIAGE_CONCURRENCY is 9."
    ]


async def test_no_more_jobs_run_at_once_than_max_jobs(make_worker, pool):
    running = most = 0

    async def count(ctx):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.02)
        running -= 1

    for _ in range(6):
        await pool.enqueue_job("count")
    await make_worker([count], max_jobs=2).main()
    assert most == 2


async def test_values_in_ctx_are_in_the_context_of_each_job(make_worker, pool):
    async def read(ctx):
        return ctx["db"]

    job = await pool.enqueue_job("read")
    await make_worker([read], ctx={"db": "a connection"}).main()
    assert await job.result(timeout=10) == "a connection"


async def test_ctx_of_the_settings_is_below_the_ctx_of_the_worker(make_worker, pool):
    async def read(ctx):
        return [ctx["db"], ctx["cache"]]

    registry = loaded(read, ctx={"db": "of the settings", "cache": "of the settings"})
    job = await pool.enqueue_job("read")
    await make_worker(registry=registry, ctx={"cache": "of the worker"}).main()
    assert await job.result(timeout=10) == ["of the settings", "of the worker"]


async def test_a_handler_that_takes_too_long_fails(make_pool, make_worker):
    async def hang(ctx):
        await asyncio.Event().wait()

    options = {"job_timeout": 0.1, "max_tries": 1}
    job = await make_pool(hang, **options).enqueue_job("hang")
    await make_worker([hang], **options).main()
    with pytest.raises(TimeoutError, match=r"did not end within 0\.1 seconds"):
        await job.result(timeout=10)


async def test_burst_in_the_settings_ends_when_no_job_is_left(make_worker, pool):
    job = await pool.enqueue_job("response")
    worker = make_worker([response], burst=False, registry=loaded(burst=True))
    await asyncio.wait_for(worker.main(), 10)
    assert await job.result(timeout=10) == 42


async def test_jobs_expire_this_long_after_their_time(make_pool):
    client = make_pool(response, expires_extra_ms=60_000)
    job = await client.find_job((await client.enqueue_job("response", _defer_by=5)).job_id)
    assert job.expires_at - job.created_at == 65_000


async def test_a_worker_counts_what_it_did(make_pool, make_worker):
    async def fail(ctx):
        raise ValueError

    async def twice(ctx):
        if ctx["job_try"] == 1:
            raise Retry()

    functions = [response, twice, func(fail, name="fail", max_tries=1)]
    client = make_pool(*functions)
    for name in ("response", "twice", "fail"):
        await client.enqueue_job(name)
    worker = make_worker(functions)
    await worker.main()
    assert (worker.jobs_complete, worker.jobs_retried, worker.jobs_failed) == (2, 1, 1)
    assert repr(worker) == "<Worker j_complete=2 j_failed=1 j_retried=1 j_ongoing=0>"


def test_the_command_passes_on_all_of_arqs_options():
    assert set(inspect.signature(TriageWorker).parameters) == OPTIONS


def test_a_module_lists_functions_as_well_as_those_with_job(tmp_path, monkeypatch):
    text = """
from workers.handler import job
@job(queue="bulk", retry={"delay_seconds": 9})
async def first(ctx): ...
async def second(ctx): ...
async def third(ctx): ...
class WorkerSettings:
    functions = [first, second]
    max_tries = 2
"""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "listing_beside.py").write_text(text)
    registry = Registry.load(["listing_beside"])
    assert {handler.name: handler.defaults for handler in registry.handlers} == {
        "first": {"queue": "bulk", "retry": {"max_attempts": 2, "delay_seconds": 9}},
        "second": {"retry": {"max_attempts": 2}},
    }


def test_two_modules_with_one_name_are_both_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("naming_one", "naming_two"):
        (tmp_path / f"{name}.py").write_text("async def send(ctx): ...")
    with pytest.raises(ConfigurationInvalid, match=r"'send': naming_one\.send and naming_two\.send"):
        Registry.load(["naming_one", "naming_two"])


def test_imported_hooks_and_cron_jobs_are_not_handlers(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "package_of_hooks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("async def start(ctx): ...\nasync def work(ctx): ...")
    (package / "main.py").write_text(
        "from package_of_hooks import parts\nclass WorkerSettings: on_startup = parts.start"
    )
    assert [handler.name for handler in Registry.load(["package_of_hooks"]).handlers] == ["work"]


def test_a_cron_job_uses_the_time_zone_of_its_settings():
    registry = loaded(cron_jobs=[cron(response, hour=1)], timezone=UTC)
    assert [settings.timezone for _, settings in registry.crons] == [UTC]
