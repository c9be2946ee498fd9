"""The arq application behaves the same on stock arq and on Triage, from one and the same file."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import ROOT, Cluster

pytestmark = pytest.mark.anyio

APPLICATION = ROOT / "examples/arq-application"
ISSUE = {"issue": 1, "subscribers": ["ada@example.com", "bob@busy.example"]}
#: Function, tries and result of each job that one start and one issue create.
ENDS = {
    ("cron:remove_bounced", 1, "asked news@example.com for bounced mail"),
    ("send_issue", 1, 2),
    ("send_mail", 1, "issue 1 from news@example.com to ada@example.com"),
    ("send_mail", 2, "issue 1 from news@example.com to bob@busy.example"),
}


@pytest.fixture
def cluster(server_binary: Path, tmp_path: Path) -> Iterator[Cluster]:
    with EmbeddedServer(tmp_path / "data", server_binary) as server:
        cluster = Cluster(tmp_path, server, handlers="newsletter")
        cluster.environment["PYTHONPATH"] += f"{os.pathsep}{APPLICATION}"
        yield cluster
        cluster.stop()


@pytest.fixture
async def arq_pool(cluster: Cluster) -> AsyncIterator[ArqRedis]:
    pool = await create_pool(RedisSettings.from_dsn(cluster.server.url))
    yield pool
    await pool.aclose(close_connection_pool=True)


async def test_on_arq(cluster: Cluster, arq_pool: ArqRedis) -> None:
    await arq_pool.enqueue_job("send_issue", ISSUE["issue"], ISSUE["subscribers"])
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "arq", "newsletter.WorkerSettings", "--burst"],
        cwd=cluster.directory,
        env={**cluster.environment, "REDIS_DSN": cluster.server.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    results = await arq_pool.all_job_results()
    assert {(result.function, result.job_try, result.result) for result in results} == ENDS


def test_on_triage(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    issue = cluster.submit("send_issue", payload=ISSUE)
    cluster.until(issue["id"], "succeeded")
    for job in cluster.http.get("/v1/jobs").json()["items"]:
        cluster.until(job["id"], "succeeded")
    jobs = [cluster.job(row["id"]) for row in cluster.http.get("/v1/jobs").json()["items"]]
    assert {(job["name"], job["attempt"], job["result"]) for job in jobs} == ENDS
