"""A queue lists the types of its waiting jobs that none of its workers can run."""

from service.domain.catalogue import JobType
from service.domain.worker import WorkerRecord
from service.store.namespace import Namespace
from tests.api.client import Api


async def unserved(api: Api, queue: str = "default") -> list[str]:
    return (await api.http.get(f"/v1/queues/{queue}")).json()["unserved_job_types"]


async def worker(store: Namespace, id: str, queues: dict[str, int], *types: str) -> None:
    seconds, _ = await store.scripts.redis.time()
    now = seconds * 1000
    record = WorkerRecord(id, "host", 7, "0", queues, types, "running", 1, 1, now, now)
    await store.workers.register(record, [JobType(name) for name in types])


async def test_types_that_no_worker_of_the_queue_knows_are_named(api: Api, store: Namespace) -> None:
    await api.create(name="known")
    await api.create(name="unknown", limit_key="acme")
    await api.create(name="elsewhere")
    await api.create(name="later", delay_seconds=60)
    assert await unserved(api) == ["elsewhere", "known", "unknown"]
    await worker(store, "wk_1", {"default": 1}, "known")
    await worker(store, "wk_2", {"other": 1}, "elsewhere")
    assert await unserved(api) == ["elsewhere", "unknown"]
    await worker(store, "wk_3", {"*": 1}, "elsewhere", "unknown")
    assert await unserved(api) == []
    listed = (await api.http.get("/v1/queues")).json()["items"]
    assert [queue["unserved_job_types"] for queue in listed] == [[]]
