"""`triage dev`: what `make run` starts."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from tests.e2e.processes import ROOT, free_port
from tests.support.eventually import eventually_blocking


def descendants(pid: int) -> set[int]:
    """Processes below this one, from /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: set[int] = set()
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), []):
            found.add(child)
            pending.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(dev: "subprocess.Popen[bytes]") -> None:
    """Clean up after a failed test: the process takes its children along."""
    if dev.poll() is None:
        dev.terminate()
        dev.wait(30)


def test_dev_starts_everything_its_curl_line_works_and_ctrl_c_leaves_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRIAGE_PORT": str(port), "TRIAGE_WORKER_PORT": "0"}
    # A corporate proxy, which cannot reach this machine.
    environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": ""}
    output = tmp_path / "output"
    with output.open("wb") as log:
        dev = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "dev"],
            env=environment,
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    request.addfinalizer(lambda: end(dev))

    def printed() -> str:
        assert dev.poll() is None, output.read_text()
        lines = [line for line in output.read_text().splitlines() if line.strip().startswith("curl ")]
        assert lines
        return lines[0]

    line = eventually_blocking(printed, 40)
    assert httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
    response = subprocess.run(shlex.split(line), capture_output=True, check=True)
    job = orjson.loads(response.stdout)
    assert (job["state"], job["result"]) == ("succeeded", {"alerted": "u-1"})
    body = {"name": "process-order", "payload": {"order_id": "gone-1"}}
    response = httpx.post(f"http://127.0.0.1:{port}/v1/jobs", json=body, headers={"Prefer": "wait=10"})
    assert response.json()["state"] == "dead"
    shown = output.read_text()
    assert "sample_handlers_loaded" not in shown
    # JSON outside of a terminal, without messages, which may quote a payload.
    (failed,) = [line for line in shown.splitlines() if '"job_failed"' in line]
    assert orjson.loads(failed)["name"] == "process-order"
    assert "gone-1" not in shown
    assert "sample handlers; this folder has none" in shown
    processes = descendants(dev.pid)
    assert len(processes) >= 3
    dev.send_signal(signal.SIGINT)
    assert dev.wait(30) == 0, output.read_text()
    assert [pid for pid in processes if alive(pid)] == []
    assert (tmp_path / ".triage").is_dir()


def test_a_wrong_setting_ends_every_process_with_78_and_names_it(tmp_path: Path) -> None:
    for command in ("api", "worker", "check"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRIAGE_CONCURENCY": "5", "TRIAGE_PORT": "x"}
        ended = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 78
        assert "TRIAGE_CONCURENCY: unknown setting" in ended.stderr
        assert "TRIAGE_PORT" in ended.stderr
