"""The Redis user of docs/deploy.md may do what Triage does, and not what would harm others."""

import re
import secrets
import shlex
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from service.store.embedded import EmbeddedServer
from tests.e2e.processes import ROOT, Cluster


def documented_rules() -> list[str]:
    """What follows `ACL SETUSER triage`, with a password of the test's."""
    (line,) = re.findall(r"ACL SETUSER triage (.+)$", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE)
    return shlex.split(line)


@pytest.fixture
def password(cluster: Cluster) -> str:
    password = secrets.token_hex(8)
    rules = [f">{password}" if rule.startswith(">") else rule for rule in documented_rules()]
    with Redis.from_url(cluster.server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "triage", *rules)
    return password


def url(server: EmbeddedServer, password: str) -> str:
    path = server.url.removeprefix("unix://")
    return f"unix://triage:{quote(password)}@{path}"


def test_jobs_run_as_the_documented_user(cluster: Cluster, password: str) -> None:
    cluster.environment["TRIAGE_REDIS_URL"] = url(cluster.server, password)
    cluster.start_api()
    worker = cluster.start_worker()
    first = cluster.submit()["id"]
    later = cluster.submit(delay_seconds=1)["id"]
    for id in (first, later, cluster.submit(payload={"do": "enqueue"})["id"]):
        cluster.until(id, "succeeded")
    dead = cluster.submit(payload={"do": "give_up"})["id"]
    cluster.until(dead, "dead")
    assert cluster.http.post(f"/v1/dlq/{dead}/retry").status_code == 202
    assert cluster.http.get(f"/v1/jobs/{first}", params={"wait": 1}).status_code == 200
    assert cluster.http.get("/v1/queues").status_code == 200
    assert cluster.http.get("/metrics").status_code == 200
    worker.terminate()
    assert worker.wait(10) == 0
    assert "NOPERM" not in cluster.logs()


def test_the_documented_user_may_not_harm_others(cluster: Cluster, password: str) -> None:
    refused = (
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG GET *",
        "KEYS *",
        "SHUTDOWN",
        "ACL LIST",
        "MONITOR",
        "SCRIPT FLUSH",
    )
    refused += (
        "CLIENT KILL ID 1",
        "REPLICAOF NO ONE",
        "SWAPDB 0 1",
        "SET other 1",
        "GET other",
        "PUBLISH other x",
    )
    with Redis.from_url(url(cluster.server, password)) as redis:
        for command in refused:
            with pytest.raises(NoPermissionError):
                redis.execute_command(*command.split())


def test_the_rules_hold_inside_of_scripts(cluster: Cluster, password: str) -> None:
    with Redis.from_url(url(cluster.server, password)) as redis, pytest.raises(ResponseError, match="access"):
        redis.eval("return redis.call('SET', 'other', '1')", 0)
