"""`triage api --processes` in real processes: one port, one set of counters, one end."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.fork_server import ForkedProcess
from tests.e2e.processes import Cluster
from tests.support.eventually import eventually_blocking
from tests.support.exposition import series, value

PROCESSES = 2


def children(process: ForkedProcess) -> set[int]:
    """The ids of the processes that it has started."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(id) for id in found}


def get(cluster: Cluster, path: str) -> httpx.Response:
    """Over a new connection, so that the kernel picks the process."""
    return httpx.get(f"http://127.0.0.1:{cluster.port}{path}")


def requests(cluster: Cluster, path: str = "/v1/queues") -> float:
    page = series(get(cluster, "/metrics").text)
    return value(page, "http_requests_total", handler=path, method="GET", status="2xx") or 0.0


@pytest.fixture
def api(cluster: Cluster) -> ForkedProcess:
    cluster.environment["TRIAGE_API_PROCESSES"] = str(PROCESSES)
    process = cluster.start_api()
    eventually_blocking(lambda: all_serve(cluster, process), 30)
    return process


def all_serve(cluster: Cluster, process: ForkedProcess) -> None:
    log = cluster.logs()
    assert log.count("api_process_started") == PROCESSES, log
    assert len(children(process)) == PROCESSES


def test_processes_share_a_port_add_up_their_counts_and_end_together(
    cluster: Cluster, api: ForkedProcess
) -> None:
    for number in range(1, 31):
        assert get(cluster, "/v1/queues").status_code == 200
        # Whichever process responds, it knows what the others have counted up to a second ago.
        if number % 10 == 0:
            eventually_blocking(lambda number=number: counted(cluster, number))
    victim = min(children(api))
    os.kill(victim, signal.SIGKILL)

    def replaced() -> None:
        assert victim not in children(api)
        assert cluster.logs().count("api_process_started") == PROCESSES + 1

    eventually_blocking(replaced, 30)
    assert "api_process_ended" in cluster.logs()
    assert requests(cluster) == 30
    before = children(api)
    api.send_signal(signal.SIGTERM)
    assert api.wait(20) == 0
    assert not [id for id in before if Path(f"/proc/{id}").exists()]


def counted(cluster: Cluster, number: int) -> None:
    assert requests(cluster) == number


def test_a_killed_supervisor_leaves_no_process(cluster: Cluster, api: ForkedProcess) -> None:
    before = children(api)
    api.kill()

    def gone() -> None:
        assert not [id for id in before if Path(f"/proc/{id}").exists()]

    eventually_blocking(gone, 20)


def test_a_port_in_use_is_named(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", cluster.port), reuse_port=True):
        refused = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", "api", "--processes", "2"],
            env=cluster.environment,
            cwd=cluster.directory,
            capture_output=True,
            check=False,
        )
    assert refused.returncode == 78
    assert (
        refused.stderr.decode()
        == f"triage: TRIAGE_PORT: cannot listen on 127.0.0.1:{cluster.port}: another process listens there; "
        "stop it, or set TRIAGE_PORT to a free port.\n"
    )
