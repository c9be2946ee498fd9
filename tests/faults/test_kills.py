"""Workers are killed with SIGKILL while they run jobs: each job runs again in time, and ends exactly once."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.domain.outcome import FREE_LOSSES
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from tests.e2e.fork_server import ForkedProcess
from tests.e2e.processes import Cluster
from tests.support import invariants
from tests.support.eventually import eventually, eventually_blocking

#: `WORKER_KILLS=1000 pytest -s tests/faults/test_kills.py` is the long form, for an idle machine.
KILLS = int(os.environ.get("WORKER_KILLS", "2"))
LONG = KILLS >= 100
#: Long enough for workers that start while others run: with a second, they miss a renewal now and then.
LEASE_SECONDS = 3.0
#: One second is the promise. The short form also runs on machines that are busy with other tests.
SLACK = 1 if LONG else 5
WORKERS = 5 if LONG else 4
#: Workers that are killed one after the other before the first of their leases ends.
KILLS_PER_ROUND = WORKERS - 2
WAITING = 3 * WORKERS
CLIENTS = 3

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(7_200 if LONG else 90)]


class Site:
    """An API, and workers that are replaced when they are killed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.http = cluster.http
        self.workers: dict[int, ForkedProcess] = {}
        self.submitted: list[str] = []

    def start_worker(self) -> None:
        process = self.cluster.start("worker", concurrency=8)
        self.workers[process.pid] = process

    def kill(self, pid: int) -> float:
        """The time of the kill, in seconds."""
        victim = self.workers.pop(pid)
        victim.kill()
        killed = time.time()
        victim.wait(10)
        self.start_worker()
        return killed

    def pids(self) -> dict[str, int]:
        """Of the workers that live and have registered, by id."""
        rows = self._get("/v1/workers?limit=200")["items"]
        return {row["id"]: row["pid"] for row in rows if row["pid"] in self.workers}

    def submit(self, payloads: list[dict[str, Any]]) -> list[str]:
        jobs = [{"name": "scripted", "payload": payload} for payload in payloads]
        key = {"Idempotency-Key": f"round-{len(self.submitted)}"}

        def accepted() -> list[str]:
            # Redis may need a moment here too, and a repeated key submits nothing twice.
            response = self.http.post("/v1/jobs/bulk", json={"jobs": jobs}, headers=key)
            assert response.status_code == 200, response.text
            return [row["job"]["id"] for row in response.json()["results"]]

        ids = eventually_blocking(accepted, 60)
        self.submitted += ids
        return ids

    def counts(self) -> dict[str, int]:
        return self._get("/v1/queues/default")["counts"]

    def jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self._get(f"/v1/jobs/{id}") for id in ids]

    def attempts(self, id: str) -> list[dict[str, Any]]:
        return self._get(f"/v1/jobs/{id}/attempts")["items"]

    def _get(self, path: str) -> dict[str, Any]:
        response = self.http.get(path)
        # Redis may need a moment while many processes start.
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
async def site(server_binary: Path, tmp_path: Path) -> AsyncIterator[Site]:
    with EmbeddedServer(tmp_path / "data", server_binary) as server:
        cluster = Cluster(tmp_path, server, lease_seconds=LEASE_SECONDS)
        try:
            cluster.start_api()
            site = Site(cluster)
            for _ in range(WORKERS):
                site.start_worker()
            yield site
        finally:
            cluster.stop()


async def short_jobs(site: Site, chance: random.Random, stopped: asyncio.Event) -> None:
    """One after the other, so that kills also meet claims, results and what happens between them."""
    async with httpx.AsyncClient(base_url=site.http.base_url, timeout=40) as http:
        while not stopped.is_set():
            body = {"name": "scripted", "payload": {"seconds": chance.choice((0, 0.02, 0.1))}}
            response = await http.post("/v1/jobs", json=body, headers={"Prefer": "wait=1"})
            if response.status_code != 503:
                assert response.status_code in (200, 202), response.text
                site.submitted.append(response.json()["id"])


def kill_some(site: Site, released: Path, kills: int, chance: random.Random) -> list[float]:
    """Kill workers, and return the seconds until each job that they held was claimed again."""

    def all_registered() -> dict[str, int]:
        pids = site.pids()
        assert len(pids) == WORKERS
        return pids

    pids = eventually_blocking(all_registered, 60)
    ids = site.submit([{"do": "wait", "value": str(released)} for _ in range(WAITING)])

    def all_run() -> list[dict[str, Any]]:
        jobs = site.jobs(ids)
        assert {job["state"] for job in jobs} == {"running"}
        return jobs

    jobs = eventually_blocking(all_run, 60)
    killed = {pid: site.kill(pid) for pid in chance.sample(sorted(pids.values()), kills)}
    lost = {job["id"]: killed[pids[job["worker_id"]]] for job in jobs if pids[job["worker_id"]] in killed}

    def all_run_again() -> list[dict[str, Any]]:
        jobs = site.jobs(list(lost))
        assert all(job["state"] == "running" and job["deliveries"] > 1 for job in jobs), jobs
        return jobs

    again = eventually_blocking(all_run_again, 60)
    released.touch()
    # Redis sets `started_at` when a worker claims the job; a suspect's subprocess starts a moment later. A
    # worker that gets no CPU for as long as a lease loses its jobs as well: then this is not the start after
    # the kill.
    return [
        datetime.fromisoformat(job["started_at"]).timestamp() - lost[job["id"]]
        for job in again
        if job["deliveries"] == 2
    ]


async def test_jobs_of_killed_workers_run_again_within_lease_and_a_second_and_end_once(
    site: Site, tmp_path: Path
) -> None:
    chance, stopped = random.Random(7), asyncio.Event()
    clients = [asyncio.create_task(short_jobs(site, chance, stopped)) for _ in range(CLIENTS)]
    waits: list[float] = []
    kills = 0
    while kills < KILLS:
        count = min(KILLS_PER_ROUND, KILLS - kills)
        waits += await asyncio.to_thread(kill_some, site, tmp_path / f"released-{kills}", count, chance)
        kills += count
    stopped.set()
    await asyncio.gather(*clients)

    def none_is_left() -> None:
        counts = site.counts()
        assert sum(counts.values()) == 0, counts

    await eventually(none_is_left, 900 if LONG else 60, 0.2)
    _report(site, waits)
    wrong = [job for job in site.jobs(site.submitted) if not _ended_as_it_should(job)]
    assert not wrong, [(job, site.attempts(job["id"])) for job in wrong]
    redis = connect(site.cluster.server.url)
    await invariants.check(Namespace(redis, "default", 0))
    await redis.aclose()
    assert max(waits, default=0) < LEASE_SECONDS + SLACK


def _ended_as_it_should(job: dict[str, Any]) -> bool:
    # Submission, a claim for each delivery, a loss for all but the last, a rest for each loss after the
    # third, and a single end.
    rests = max(0, job["deliveries"] - 1 - FREE_LOSSES)
    version = 2 * job["deliveries"] + 1 + rests
    ended = (job["state"], job["failures"], job["crashes"], job["version"])
    return ended == ("succeeded", 0, 0, version)


def _report(site: Site, waits: list[float]) -> None:
    if not waits:
        # On a busy machine, the short form may have lost each of its few jobs twice.
        assert not LONG
        return
    waits.sort()
    middle, last = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    sys.stderr.write(
        f"{KILLS} workers killed, {len(site.submitted)} jobs; {len(waits)} ran again after {middle:.2f} s "
        f"(median), {last:.2f} s (p99), {waits[-1]:.2f} s (longest)\n"
    )
