"""The live screen: its frames at several sizes, and the keys on a real terminal."""

import asyncio
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from typing import Any

import orjson
import pytest
from rich.console import Console

from service.commands.top.figures import Snapshot, View
from service.commands.top.screen import frame, sparkline
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import Triage
from tests.e2e.processes import ROOT
from tests.support.factories import job_in, submit
from tests.support.worker_records import WORKER

COUNTS = {"queued": 0, "scheduled": 0, "retrying": 0, "running": 0, "blocked": 0}
AT = 1_800_000_000.0
SEEN = "2027-01-15T07:59:50.000Z"


def queue(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name, "paused": False, "counts": COUNTS | fields.pop("counts", {}), "dlq_depth": 0,
        "oldest_queued_seconds": None, "workers": 1, "capacity": 20, "enqueued_per_second": 0.0,
        "finished_per_second": 0.0, "failed_per_second": 0.0, "max_concurrency": None, "rate_limit": None,
        "paused_job_types": [], "unserved_job_types": [], "freezes": [], **fields,
    }  # fmt: skip


def record(id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": id, "host": "node", "pid": 7, "version": "1", "state": "running", "running": 5, "capacity": 20,
        "queues": {"*": 1}, "job_types": [], "seen_at": SEEN, "started_at": SEEN, **fields,
    }  # fmt: skip


def view(queues: list[Any], workers: list[Any] | None) -> View:
    counts = {state: sum(row["counts"][state] for row in queues) for state in COUNTS}
    totals = {"queues": len(queues), "counts": counts, "dlq_depth": sum(row["dlq_depth"] for row in queues)}
    found = View("http://triage", 2.0)
    found.take_over(Snapshot(queues, totals, workers, AT))
    return found


def drawn(view: View, width: int = 160, height: int = 40) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO(), color_system=None)
    console.print(frame(view, console))
    return console.export_text().splitlines()


BURNING = queue(
    "bulk", counts={"queued": 5_000, "running": 20}, dlq_depth=7, oldest_queued_seconds=75.0,
    finished_per_second=118.0, failed_per_second=1.2, paused=True, max_concurrency=20,
)  # fmt: skip
CALM = queue("default", counts={"running": 1})


def test_a_frame_shows_totals_queues_and_workers() -> None:
    lines = drawn(
        view([BURNING, CALM], [record("wk_a"), record("wk_b", state="lost"), record("wk_c", running=20)])
    )
    text = "\n".join(lines)
    assert lines[0].startswith("triage top  http://triage  ")
    assert "5,000 queued  21 running" in lines[1]
    assert lines[1].endswith("7 dead")
    assert "118.0/s out  1.2/s failed" in lines[2]
    assert lines[3].startswith("slots  25/40 ")
    assert lines[3].endswith("2 workers, 1 lost")
    bulk = next(line for line in lines if line.startswith("bulk"))
    assert bulk.split()[:7] == ["bulk", "5,000", "20", "7", "1m", "15s", "0.0"]
    assert "paused, at its limit of 20" in bulk
    # The lost worker first, then the busiest.
    assert [line.split()[0] for line in lines if line.startswith("wk_")] == ["wk_b", "wk_c", "wk_a"]
    assert "10s ago" in text


@pytest.mark.parametrize(("width", "height"), [(40, 14), (60, 24), (80, 24), (200, 60)])
def test_a_frame_fits_the_terminal_and_cuts_no_id(width: int, height: int) -> None:
    queues = [queue(f"queue-{number}", dlq_depth=number) for number in range(100)]
    workers = [record(f"wk_01M85QCM3VN2A0H686WCBX{number:04}") for number in range(100)]
    lines = drawn(view(queues, workers), width, height)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width
    assert any(line.startswith("wk_01M85QCM3VN2A0H686WCBX00") for line in lines)
    assert any("more queues" in line for line in lines)
    assert lines[-1].startswith("q quit")


def test_orders_problems_and_missing_scopes_are_shown() -> None:
    shown = view([BURNING, CALM, queue("another")], None)
    shown.next_order()
    names = [
        line.split()[0] for line in drawn(shown) if line.split()[:1] in (["bulk"], ["default"], ["another"])
    ]
    assert (shown.order, names) == ("name", ["another", "bulk", "default"])
    assert "the key lacks the scope workers:read" in "\n".join(drawn(shown))
    shown.problem = "http://triage did not respond"
    assert "did not respond" in drawn(shown)[0]
    assert sparkline([0, 1, 2]) == "▁▅█"
    assert sparkline([]) == ""


async def test_it_prints_the_figures_once_into_a_pipe_or_for_programs(
    triage: Triage, store: Namespace
) -> None:
    await job_in(store, State.DEAD)
    await submit(store)
    out = (await triage("top", COLUMNS="120")).out
    assert "1 queued" in out
    assert WORKER in out
    ended = await triage("top", "--json", "--once")
    found = orjson.loads(ended.out)
    assert (found["totals"]["dlq_depth"], found["queues"][0]["name"]) == (1, "default")
    assert [row["id"] for row in found["workers"]] == [WORKER]
    unreachable = await triage("top", TRIAGE_URL="http://127.0.0.1:1")
    assert (unreachable.code, "cannot be reached" in unreachable.err) == (1, True)


async def test_q_ends_it_and_the_terminal_is_as_before(
    triage: Triage, running: Running, store: Namespace
) -> None:
    await submit(store)
    code, out = await asyncio.to_thread(_on_a_terminal, f"http://127.0.0.1:{running.port}")
    assert code == 0, out
    assert "1 queued" in re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "order: name" in out
    # The alternate screen is left.
    assert out.rindex("\x1b[?1049l") > out.rindex("\x1b[?1049h")


def _on_a_terminal(url: str) -> tuple[int, str]:
    """Start it on a terminal, press o, and then q."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "top", "--interval", "0.1"],
        env={**os.environ, "TRIAGE_URL": url, "TERM": "xterm"},
        cwd=ROOT,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    out, keys = b"", [(b"order: attention", b"o"), (b"order: name", b"q")]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                out += os.read(leader, 65_536)
            except OSError:
                break
        if keys and keys[0][0] in out:
            os.write(leader, keys.pop(0)[1])
    if process.poll() is None and keys:
        process.kill()
    code = process.wait(10)
    os.close(leader)
    return code, out.decode(errors="replace")
