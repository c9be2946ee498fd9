"""The exit code of each process, and the one line that it prints with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.store.redis.connect import connect_blocking
from tests.e2e.processes import ROOT, Cluster, free_port
from tests.support.eventually import eventually_blocking

REDIS = "redis://:hunter2@127.0.0.1:{port}/0"


def triage(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from service.cli import main; main()", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TRIAGE_WORKER_PORT": "0",
            "TRIAGE_PORT": "0",
            **settings,
        },
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    (line,) = ended.stderr.splitlines()
    assert line.startswith("triage: TRIAGE_REDIS_URL: ")
    assert "hunter2" not in ended.stderr
    return line


@pytest.mark.parametrize(
    "command", [("api",), ("worker",), ("check",), ("dev",), ("keys", "list")], ids=" ".join
)
def test_a_malformed_redis_url_is_one_sentence_and_78(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = triage(tmp_path, *command, TRIAGE_REDIS_URL="redis://:hunter2#4711@127.0.0.1:6379/0")
    assert ended.returncode == 78
    assert "must be escaped" in one_line(ended)
    assert "4711" not in ended.stderr


@pytest.mark.parametrize(
    "command", [("api",), ("worker",), ("check", "--connect"), ("keys", "list")], ids=" ".join
)
def test_a_wrong_password_is_one_sentence_and_78(command: tuple[str, ...], cluster: Cluster) -> None:
    url = cluster.server.url.replace("unix://", "unix://nobody:hunter2@")
    ended = triage(cluster.directory, *command, TRIAGE_REDIS_URL=url)
    assert ended.returncode == 78
    assert "rejected the user name or password: invalid username-password pair" in one_line(ended)


@pytest.mark.parametrize("command", ["worker", "check"])
@pytest.mark.parametrize(("queues", "name"), [("default=3,my queue=2", "my queue"), ("bulk,=2", "")])
def test_an_impossible_queue_name_is_one_sentence_and_78(
    command: str, queues: str, name: str, tmp_path: Path
) -> None:
    ended = triage(tmp_path, command, TRIAGE_QUEUES=queues)
    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"triage: TRIAGE_QUEUES: {name!r} is not a queue name: use 1 to 128 letters, ")


def test_commands_report_that_redis_is_unreachable_and_why(tmp_path: Path) -> None:
    for command in (("check", "--connect"), ("keys", "list")):
        ended = triage(tmp_path, *command, TRIAGE_REDIS_URL=REDIS.format(port=(port := free_port())))
        assert (ended.returncode, one_line(ended)) == (
            69,
            f"triage: TRIAGE_REDIS_URL: Redis at 127.0.0.1:{port} refused the connection: "
            "Connection refused.",
        )
        ended = triage(tmp_path, *command, TRIAGE_REDIS_URL="redis://:hunter2@redis.invalid:6379")
        assert ended.returncode == 78
        assert "Unknown host of Redis, redis.invalid:6379: " in one_line(ended)


def test_service_links_of_kubernetes_are_ignored_and_reported(cluster: Cluster) -> None:
    links = {"TRIAGE_WORKER_PORT": "tcp://10.0.0.1:8081", "TRIAGE_WORKER_SERVICE_HOST": "10.0.0.1"}
    ended = triage(cluster.directory, "check", **links)
    assert ended.returncode == 0
    assert ended.stderr.strip().endswith("TRIAGE_WORKER_PORT, TRIAGE_WORKER_SERVICE_HOST")
    # Not TRIAGE_PORT itself: without it the API would use the default port, which may be taken here.
    cluster.environment |= {"TRIAGE_SERVICE_HOST": "10.0.0.1", "TRIAGE_PORT_8080_TCP_ADDR": "10.0.0.1"}
    cluster.start_api()
    assert '"variables": ["TRIAGE_PORT_8080_TCP_ADDR", "TRIAGE_SERVICE_HOST"]' in cluster.logs()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_api_that_has_shut_down_exits_0(number: signal.Signals, cluster: Cluster) -> None:
    api = cluster.start_api()
    api.send_signal(number)
    assert api.wait(20) == 0
    assert "Traceback" not in cluster.logs()


def test_a_waiting_worker_says_what_it_waits_for_and_continues_when_it_is_fixed(cluster: Cluster) -> None:
    url = cluster.server.url
    cluster.server.stop()
    worker = cluster.start("worker")

    def waits() -> None:
        assert f"The socket {url.removeprefix('unix://')} cannot be opened: No such file" in cluster.logs()

    eventually_blocking(waits, 20)
    cluster.server.start()

    def started() -> None:
        assert worker.poll() is None
        assert "worker_started" in cluster.logs()

    eventually_blocking(started, 20)


def test_a_probe_names_the_problem_and_the_log_has_the_details(cluster: Cluster) -> None:
    cluster.start_api()
    with connect_blocking(cluster.server.url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
    response = cluster.http.get("/readyz")
    assert response.status_code == 503
    problem = "maxmemory-policy is allkeys-lru and must be noeviction"
    assert response.json() == {"status": "failing", "problem": f"redis: {problem}"}
    cluster.http.get("/readyz")
    assert cluster.logs().count('"event": "redis_not_usable"') == 1
