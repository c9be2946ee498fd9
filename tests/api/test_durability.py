"""`Durability: replicated`: a submission is acknowledged once a replica has it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from service.domain.fan_out import FanOutSpec
from service.domain.job_spec import JobSpec
from service.store.groups.fan_outs import FanOuts
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.replication import Replication
from tests.api.client import Api, problem
from tests.support.deployments import PortServer, free_ports
from tests.support.eventually import eventually, eventually_blocking

JOB = {"name": "work"}
REPLICATED = {"Durability": "replicated"}
SUBMISSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/jobs", JOB, "job_id"),
    ("/v1/flows", {"name": "f", "jobs": {"a": {"job": JOB}}}, "flow_id"),
    ("/v1/fan-outs", {"template": JOB, "items": [{}]}, "fan_out_id"),
]


@pytest.fixture(scope="module")
def pair(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PortServer, PortServer]]:
    """A master and its replica."""
    directory = tmp_path_factory.mktemp("pair")
    ports = free_ports(2)
    with (
        PortServer(directory / "master", server_binary, ports[0]) as master,
        PortServer(directory / "replica", server_binary, ports[1]) as replica,
    ):
        replica.call("REPLICAOF", "127.0.0.1", master.port)
        eventually_blocking(lambda: _in_sync(replica))
        yield master, replica


def _in_sync(replica: PortServer) -> None:
    with replica.client() as client:
        assert client.info("replication")["master_link_status"] == "up"


@pytest.fixture(scope="module")
def redis_url(pair: tuple[PortServer, PortServer]) -> str:
    return f"redis://127.0.0.1:{pair[0].port}"


@pytest.fixture
async def api(store: Namespace) -> AsyncIterator[Api]:
    # A machine under load may need long for what takes a millisecond.
    api = Api(store.scripts.redis, store.scripts.namespace, replication_seconds=5)
    yield api
    await api.close()


@pytest.fixture
async def impatient(store: Namespace) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, replication_seconds=0.02)
    yield api
    await api.close()


@pytest.fixture
def cut_off(pair: tuple[PortServer, PortServer]) -> Iterator[PortServer]:
    """A replica that follows no master meanwhile."""
    master, replica = pair
    replica.call("REPLICAOF", "NO", "ONE")
    yield replica
    replica.call("REPLICAOF", "127.0.0.1", master.port)
    eventually_blocking(lambda: _in_sync(replica))


async def test_an_acknowledged_submission_is_on_the_replica(
    api: Api, pair: tuple[PortServer, PortServer], namespace: str
) -> None:
    for path, body, _ in SUBMISSIONS:
        response = await api.http.post(path, json=body, headers=REPLICATED)
        assert response.status_code == 202, response.text
        kind = "job" if path == "/v1/jobs" else "group"
        assert pair[1].call("EXISTS", f"triage:{{{namespace}}}:{kind}:{response.json()['id']}") == 1
    response = await api.http.post("/v1/jobs/bulk", json={"jobs": [JOB, JOB]}, headers=REPLICATED)
    for row in response.json()["results"]:
        assert pair[1].call("EXISTS", f"triage:{{{namespace}}}:job:{row['job']['id']}") == 1


async def test_without_a_replica_the_client_gets_the_id_of_what_is_stored(
    impatient: Api, cut_off: PortServer
) -> None:
    for path, body, member in SUBMISSIONS:
        found = problem(await impatient.http.post(path, json=body, headers=REPLICATED), 503, "not_replicated")
        assert (await impatient.http.get(f"{path}/{found[member]}")).status_code == 200
        # Without a key, a repeated submission would be a second job.
        assert found["retryable"] is False
    response = await impatient.http.post("/v1/jobs/bulk", json={"jobs": [JOB, {}]}, headers=REPLICATED)
    lost, refused = response.json()["results"]
    assert (lost["status"], lost["problem"]["code"]) == (503, "not_replicated")
    assert (await impatient.http.get(f"/v1/jobs/{lost['problem']['job_id']}")).status_code == 200
    assert refused["status"] == 422


async def test_a_repeated_submission_is_confirmed_once_a_replica_is_back(
    impatient: Api, api: Api, pair: tuple[PortServer, PortServer]
) -> None:
    master, replica = pair
    headers = {**REPLICATED, "Idempotency-Key": "k"}
    replica.call("REPLICAOF", "NO", "ONE")
    found = problem(await impatient.http.post("/v1/jobs", json=JOB, headers=headers), 503, "not_replicated")
    assert found["retryable"] is True
    replica.call("REPLICAOF", "127.0.0.1", master.port)
    eventually_blocking(lambda: _in_sync(replica))
    response = await api.http.post("/v1/jobs", json=JOB, headers=headers)
    assert (response.status_code, response.json()["id"]) == (202, found["job_id"])


async def test_a_job_that_the_master_has_lost_is_not_confirmed(
    store: Namespace, api: Api, pair: tuple[PortServer, PortServer]
) -> None:
    """As after a failover between the submission and its confirmation."""

    async def lose(self: Replication, ids: list[str], seconds: float) -> None:
        client: Any = store.scripts.redis
        await client.flushall()
        await confirm(self, ids, seconds)

    confirm = Replication.confirm
    with mock.patch.object(Replication, "confirm", lose):
        problem(await api.http.post("/v1/jobs", json=JOB, headers=REPLICATED), 503, "not_replicated")


async def test_items_that_a_failover_loses_in_the_middle_of_a_request_are_stored_again(
    store: Namespace, api: Api
) -> None:
    seal, lost = FanOuts.seal, list[str]()

    async def lose(self: FanOuts, id: str, expected: int) -> None:
        if not lost:
            lost.append(id)
            client: Any = store.scripts.redis
            # The replica that took over had the creation, and none of the items.
            await client.flushall()
            await self.create(id, FanOutSpec(JobSpec("work")), expected, None)
        await seal(self, id, expected)

    body = {"template": JOB, "items": [{}, {}]}
    with mock.patch.object(FanOuts, "seal", lose):
        response = await api.http.post("/v1/fan-outs", json=body, headers=REPLICATED)
    assert response.status_code == 202
    (id,) = lost
    found = (await api.http.get(f"/v1/fan-outs/{id}")).json()
    assert (found["state"], found["counts"]["total"]) == ("running", 2)


async def test_a_fan_out_whose_last_writes_are_lost_is_not_confirmed(store: Namespace, api: Api) -> None:
    async def lose(self: Replication, ids: list[str], seconds: float) -> None:
        client: Any = store.scripts.redis
        prefix = store.scripts.prefix
        await client.hset(keys.group(prefix, group=ids[0]), "state", "open")
        await client.unlink(keys.group_items(prefix, group=ids[0]))
        await confirm(self, ids, seconds)

    confirm = Replication.confirm
    for sealed in (True, False):
        body = {"template": JOB, "items": [{}], "sealed": sealed}
        with mock.patch.object(Replication, "confirm", lose):
            problem(await api.http.post("/v1/fan-outs", json=body, headers=REPLICATED), 503, "not_replicated")
        redis: Any = store.scripts.redis
        await redis.flushall()


async def test_a_queue_has_a_default_that_the_header_overrides(impatient: Api, cut_off: PortServer) -> None:
    changed = await impatient.http.patch("/v1/queues/safe", json={"defaults": {"durability": "replicated"}})
    assert changed.json()["defaults"] == {"durability": "replicated"}
    job = {**JOB, "queue": "safe"}

    async def known() -> None:
        # The API caches defaults for a second.
        problem(await impatient.http.post("/v1/jobs", json=job), 503, "not_replicated")

    await eventually(known)
    response = await impatient.http.post("/v1/jobs", json=job, headers={"Durability": "stored"})
    assert response.status_code == 202
    assert (await impatient.http.post("/v1/jobs", json=JOB)).status_code == 202
    unknown = await impatient.http.post("/v1/jobs", json=JOB, headers={"Durability": "x"})
    problem(unknown, 422, "validation_failed")


async def test_submissions_at_the_same_time_share_one_wait(
    store: Namespace, api: Api, pair: tuple[PortServer, PortServer]
) -> None:
    with pair[0].client() as client:
        before = client.info("commandstats").get("cmdstat_wait", {"calls": 0})["calls"]
        responses = await asyncio.gather(
            *(api.http.post("/v1/jobs", json=JOB, headers=REPLICATED) for _ in range(40))
        )
        waits = client.info("commandstats")["cmdstat_wait"]["calls"] - before
    assert {response.status_code for response in responses} == {202}
    assert waits < 20


async def test_the_installation_may_have_another_default(
    store: Namespace, api: Api, cut_off: PortServer
) -> None:
    stored = {"defaults": {"durability": "stored"}}
    assert (await api.http.patch("/v1/queues/quick", json=stored)).status_code == 200
    options: Any = {"replication_seconds": 0.02, "durability": "replicated"}
    safe = Api(store.scripts.redis, store.scripts.namespace, **options)
    problem(await safe.http.post("/v1/jobs", json=JOB), 503, "not_replicated")
    for body, headers in ((JOB, {"Durability": "stored"}), ({**JOB, "queue": "quick"}, {})):
        assert (await safe.http.post("/v1/jobs", json=body, headers=headers)).status_code == 202
    page = (await safe.http.get("/metrics")).text
    assert 'triage_replicated_submissions_total{outcome="not_replicated"} 1.0' in page
    await safe.close()


async def test_metrics_show_the_replicas_and_what_they_confirm(api: Api) -> None:
    assert (await api.http.post("/v1/jobs", json=JOB, headers=REPLICATED)).status_code == 202
    page = (await api.http.get("/metrics")).text
    assert 'triage_replicated_submissions_total{outcome="replicated"} 1.0' in page
    assert "triage_redis_replicas 1.0" in page
