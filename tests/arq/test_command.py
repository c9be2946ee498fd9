"""arq's own command with Triage's worker, and `triage check`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio

MODULE = """
import logging
from arq import cron
async def response(ctx):
    logging.getLogger("mine").info("the response is %s", 42)
    logging.getLogger("httpx").info("a request")
    return 42
class WorkerSettings:
    functions = [response]
    poll_delay = 0.1
"""


@pytest.fixture
def environment(tmp_path, redis_url, namespace):
    (tmp_path / "arq_tasks.py").write_text(MODULE)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")},
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TRIAGE_REDIS_URL": redis_url,
        "TRIAGE_NAMESPACE": namespace,
        "TRIAGE_HANDLERS": "arq_tasks",
        "TRIAGE_WORKER_HOST": "127.0.0.1",
        "TRIAGE_WORKER_PORT": "0",
    }


def start(environment, tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(environment, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    process = start(environment, tmp_path, *arguments)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


async def test_the_command_runs_queued_jobs_and_writes_log_lines_of_handlers(environment, tmp_path, pool):
    job = await pool.enqueue_job("response")
    status, output = run(environment, tmp_path, "-m", "arq", "workers.main.WorkerSettings", "--burst")
    assert status == 0, output
    assert await job.result(timeout=10) == 42
    assert '"event": "the response is 42"' in output
    assert f'"job_id": "{job.job_id}"' in output
    assert "a request" not in output
    assert "WorkerSettings.poll_delay has no effect" in output
    assert "sample_handlers_loaded" not in output


async def test_a_worker_without_custom_handlers_runs_the_samples_and_warns(environment, tmp_path, pool):
    del environment["TRIAGE_HANDLERS"]
    job = await pool.enqueue_job("send-report", "u-1")
    status, output = run(environment, tmp_path, "-m", "arq", "workers.main.WorkerSettings", "--burst")
    assert status == 0, output
    assert await job.result() == {"reported": "u-1"}
    assert "sample_handlers_loaded" in output


async def test_the_command_takes_a_settings_of_its_users(environment, tmp_path, pool):
    (tmp_path / "arq_main.py").write_text(
        "import workers.main\nfrom arq_tasks import response\n"
        "class Mine(workers.main.WorkerSettings):\n"
        "    functions = [response]\n    max_tries = 9\n    burst = True\n"
    )
    given = {**environment, "TRIAGE_HANDLERS": "workers.handlers"}
    job = await pool.enqueue_job("response")
    status, output = run(given, tmp_path, "-m", "arq", "arq_main.Mine")
    assert status == 0, output
    assert await job.result(timeout=10) == 42


async def test_the_check_of_the_command_asks_the_server_of_the_worker(environment, tmp_path, running, store):
    command = ("-m", "arq", "workers.main.WorkerSettings", "--check")
    status, output = run(environment, tmp_path, *command)
    assert (status, "no worker of namespace" in output) == (1, True)

    async def response(ctx): ...

    await running([response])

    async def alive():
        assert await store.workers.alive()

    await eventually(alive)
    status, output = run(environment, tmp_path, *command)
    assert (status, "1 workers are alive" in output) == (0, True)


async def test_the_watch_of_the_command_runs_the_changed_code(environment, tmp_path, pool):
    process = start(
        environment, tmp_path, "-m", "arq", "workers.main.WorkerSettings", "--watch", str(tmp_path)
    )
    try:
        assert await (await pool.enqueue_job("response")).result(timeout=20) == 42
        (tmp_path / "arq_tasks.py").write_text(MODULE.replace("return 42", "return 'changed'"))

        async def changed():
            assert await (await pool.enqueue_job("response")).result(timeout=20) == "changed"

        await eventually(changed, 30)
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output


async def test_triage_check_names_options_without_effect(environment, tmp_path):
    status, output = run(environment, tmp_path, "-c", "from service.cli import main; main()", "check")
    assert status == 0, output
    assert "Not supported: arq_tasks: WorkerSettings.poll_delay has no effect" in output
