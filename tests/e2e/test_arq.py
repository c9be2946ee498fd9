"""arq's own CLI runs the worker, and a module written for arq works unchanged."""

import signal
import subprocess
import sys

from tests.e2e.processes import ROOT, Cluster
from tests.support.eventually import eventually_blocking


def test_an_unmodified_arq_module_runs_through_arqs_own_command(cluster: Cluster) -> None:
    cluster.start_api()
    environment = {
        **cluster.environment,
        "TRIAGE_HANDLERS": "tests.support.arq_module",
        "TRIAGE_DATA_DIR": str(cluster.directory),
        "PYTHONPATH": str(ROOT),
    }
    with (cluster.directory / "arq.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "arq", "workers.main.WorkerSettings"],
            env=environment,
            cwd=cluster.directory,
            stdout=log,
            stderr=log,
        )
    cluster.processes.append(worker)

    def registered() -> None:
        assert worker.poll() is None, cluster.logs()
        assert cluster.workers()

    eventually_blocking(registered, 30)
    greeted = cluster.submit("greet", payload={"name": "you"})["id"]
    assert cluster.until(greeted, "succeeded")["result"] == "hello you"
    retried = cluster.submit("twice")["id"]
    job = cluster.until(retried, "succeeded")
    assert (job["result"], job["failures"], job["attempt"]) == (2, 1, 2)
    parent = cluster.until(cluster.submit("a-parent")["id"], "succeeded")
    child = cluster.until(parent["result"], "succeeded")
    assert (child["name"], child["result"], child["payload"]) == (
        "greet",
        "HELLO CHILD",
        {"name": "child", "loud": True},
    )
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert (cluster.directory / "shutdown").read_text() == "done"
