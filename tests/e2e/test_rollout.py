"""A rolling restart of the release under load."""

import threading
from pathlib import Path

import httpx
import pytest

from tests.chart.rendering import Release
from tests.e2e.processes import Cluster
from tests.e2e.rollout import Deployment, Load
from tests.support.eventually import eventually_blocking

VALUES = {"api": {"preStopSeconds": 1}, "workers": {"default": {"drainSeconds": 3}}}


@pytest.mark.timeout(240)
def test_a_rollout_fails_no_request_loses_no_job_and_uses_no_attempt(
    cluster: Cluster, tmp_path: Path
) -> None:
    release = Release(VALUES)
    apis = Deployment(cluster, release, "-api", 2)
    workers = Deployment(cluster, release, "-worker-default", 3)
    history, stopping = tmp_path / "history", threading.Event()
    once = {"max_attempts": 1}
    short = {"name": "scripted", "payload": {"seconds": 0.2, "history": str(history)}, "retry": once}
    loads = [Load(apis.endpoints, stopping, short) for _ in range(2)]
    for load in loads:
        load.start()
    # Longer than a drain, so they are handed back, some of them more than once.
    long = {"name": "scripted", "payload": {"seconds": 20}, "retry": once}
    interrupted = [
        httpx.post(f"http://127.0.0.1:{apis.endpoints[0]}/v1/jobs", json=long).json()["id"] for _ in range(3)
    ]

    try:
        codes = workers.roll()
        api_codes = apis.roll()
    finally:
        stopping.set()
        for load in loads:
            load.join(30)

    # uvicorn exits by the signal that it got, and so does a worker that has drained before the signal. As
    # process 1 of a container, both exit 0, which `make image-test` shows.
    assert set(codes + api_codes) <= {0, -15}
    assert [failure for load in loads for failure in load.failed] == []
    accepted = [id for load in loads for id in load.accepted]
    assert len(accepted) == len(set(accepted)) > 50
    with httpx.Client(base_url=f"http://127.0.0.1:{apis.endpoints[0]}") as http:

        def finished(id: str) -> dict[str, int]:
            job = http.get(f"/v1/jobs/{id}").json()
            assert job["state"] == "succeeded", job
            return job

        for id in (*accepted, *interrupted):
            job = eventually_blocking(lambda id=id: finished(id), 60, 0.1)
            assert (job["attempt"], job["failures"], job["crashes"]) == (1, 0, 0)
            assert job["deliveries"] == 1 + job["interruptions"]
        assert sum(finished(id)["interruptions"] for id in interrupted) > 0
    ends = [line.split()[1] for line in history.read_text().splitlines() if line.startswith("end ")]
    assert sorted(ends) == sorted(accepted)
