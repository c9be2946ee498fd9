"""Schedules with real workers, one of which is killed."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.e2e.processes import ROOT, Cluster
from tests.support.eventually import eventually_blocking


def schedule(cluster: Cluster) -> dict[str, Any]:
    return cluster.http.get("/v1/schedules/tick").json()


def fire_times(cluster: Cluster) -> list[float]:
    """Fire times that became jobs, oldest first, in unix seconds."""
    rows = [row for row in schedule(cluster)["runs"] if row["outcome"] == "created"]
    return [datetime.fromisoformat(row["slot"]).timestamp() for row in reversed(rows)]


def at_least(cluster: Cluster, count: int) -> None:
    assert len(fire_times(cluster)) >= count, (schedule(cluster), cluster.logs())


@pytest.mark.timeout(180)
def test_each_fire_time_fires_once_while_workers_are_killed(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    workers = [cluster.start_worker(), cluster.start_worker()]
    history = tmp_path / "history"
    body = {
        "every_seconds": 1,
        "catch_up": "all",
        "job": {"name": "scripted", "payload": {"history": str(history)}},
    }
    assert cluster.http.put("/v1/schedules/tick", json=body).status_code == 201
    eventually_blocking(lambda: at_least(cluster, 3), 15)
    for victim in workers:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        cluster.start_worker()
        enough = len(fire_times(cluster)) + 3
        eventually_blocking(partial(at_least, cluster, enough), 30)
    assert cluster.http.post("/v1/schedules/tick/pause").json()["paused"] is True

    fired = fire_times(cluster)
    assert fired == [fired[0] + second for second in range(len(fired))]
    jobs = cluster.http.get("/v1/jobs", params={"tag": "schedule:tick", "limit": 200}).json()["items"]
    assert len(jobs) == len(fired)
    for job in jobs:
        cluster.until(job["id"], "succeeded")


def test_nothing_fires_without_a_worker_and_a_new_schedule_wakes_a_sleeping_one(cluster: Cluster) -> None:
    cluster.start_api()
    body = {"every_seconds": 1, "catch_up": "latest", "job": {"name": "scripted"}}
    cluster.http.put("/v1/schedules/tick", json=body)
    due = datetime.fromisoformat(schedule(cluster)["next_run_at"])

    def passed() -> None:
        assert (datetime.now(due.tzinfo) - due).total_seconds() > 4

    eventually_blocking(passed, 20)
    assert schedule(cluster)["runs"] == []
    cluster.start_worker()
    eventually_blocking(lambda: at_least(cluster, 1), 15)
    assert "missed" in {row["outcome"] for row in schedule(cluster)["runs"]}
    cluster.http.delete("/v1/schedules/tick")
    body["job"]["payload"] = {"value": 1}  # type: ignore[index]
    cluster.http.put("/v1/schedules/tick", json=body)
    # Far sooner than a worker's next regular check.
    eventually_blocking(lambda: at_least(cluster, 1), 15)


def test_the_command_line_shows_schedules(cluster: Cluster) -> None:
    cluster.start_api()
    body = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "job": {"name": "scripted"}}
    cluster.http.put("/v1/schedules/nightly", json=body)

    def show(*options: str) -> str:
        command = "from service.cli import main; main()"
        arguments = [
            sys.executable,
            "-c",
            command,
            "schedules",
            "--url",
            str(cluster.http.base_url),
            *options,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "150"}
        return subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout

    table = show()
    assert "nightly" in table
    assert "30 2 * * * Europe/Berlin" in table
    assert orjson.loads(show("--json")) == cluster.http.get("/v1/schedules").json()["items"]
