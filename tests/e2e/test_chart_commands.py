"""Commands that the chart and the image run inside containers, run against real processes."""

import os
import subprocess
import sys
from typing import Any

from tests.chart.rendering import Release, container, environment
from tests.e2e.processes import ROOT, Cluster, free_port


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command[1:]],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def helm_test(cluster: Cluster, seconds: int, **job: Any) -> "subprocess.CompletedProcess[str]":
    (pod,) = Release({"test": {"job": {"name": "scripted", **job}}}).of("Pod")
    return run(
        container(pod["spec"])["command"],
        URL=str(cluster.http.base_url),
        KEY="none",
        SECONDS=str(seconds),
        JOB=environment(pod["spec"])["JOB"],
    )


def test_helm_test_submits_a_job_and_waits(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    done = helm_test(cluster, 30, payload={"seconds": 1})
    assert (done.returncode, done.stdout.split()[1:]) == (0, ["succeeded"]), done
    done = helm_test(cluster, 30, payload={"do": "give_up"})
    assert (done.returncode, done.stdout.split()[1:]) == (1, ["dead"]), done


def test_helm_test_gives_up_when_no_worker_takes_the_job(cluster: Cluster) -> None:
    cluster.start_api()
    done = helm_test(cluster, 0)
    assert done.returncode == 1
    assert "is queued after 0 seconds" in done.stderr


def test_helm_test_without_a_job_asks_whether_the_api_is_ready(cluster: Cluster) -> None:
    cluster.start_api()
    done = helm_test(cluster, 30, name="")
    assert (done.returncode, done.stderr) == (0, "")
    cluster.server.stop()
    done = helm_test(cluster, 30, name="")
    assert done.returncode == 1
    assert done.stderr.startswith("503: ")


def test_pre_stop_drains_the_worker_and_healthcheck_finds_either_process(cluster: Cluster) -> None:
    port = free_port()
    cluster.start_api()
    worker = cluster.start_worker(worker_port=port)
    health = ["python3", "-m", "service.commands.container", "livez"]
    assert run(health, TRIAGE_PORT=str(cluster.port)).returncode == 0
    ports = {"TRIAGE_PORT": str(free_port()), "TRIAGE_WORKER_PORT": str(port)}
    assert run(health, **ports).returncode == 0
    command = container(Release().pod("-worker-default"))["lifecycle"]["preStop"]["exec"]["command"]
    assert run(command, **ports).returncode == 0
    assert worker.wait(10) == 0
    for words in (health, command):
        assert run(words, **ports).returncode == 1
    assert run([*health, "too", "many"]).returncode == 2
