"""A worker of two namespaces: the policy of each applies to its own jobs."""

from typing import Any

import pytest

from service.domain.errors import QuotaExceeded
from service.domain.job_spec import JobSpec
from service.domain.tenant import Policy
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants
from tests.api.client import Api
from tests.support.eventually import eventually
from tests.support.factories import new_id, submit
from tests.workers.several import Space, name, names, reached
from tests.workers.tenants import gate, serving, started

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("collect_as_always")]


async def submit_one(store: Namespace) -> None:
    await store.jobs.submit_one(Submission(new_id(), JobSpec("note")))


async def test_each_namespace_redacts_its_jobs_by_its_own_rules(
    redis_url: str, space: Space, redis: Any
) -> None:
    a, b = space("a"), space("b")
    for store, pointer in ((a, "/card"), (b, "/phone")):
        await Tenants(redis).create(name(store), Policy(redact=(pointer,)), "")
    payload = b'{"card":"4111","phone":"555"}'
    async with serving(redis_url, names(a, b)):
        for store, shown in ((a, {"phone": "555"}), (b, {"card": "4111"})):
            id = await submit(store, name="reveal", payload=payload)
            await reached(store, id)
            api = Api(redis, name(store))
            job = (await api.http.get(f"/v1/jobs/{id}")).json()
            await api.close()
            for document in (job["payload"], job["result"]):
                assert document == {"card": "[redacted]", "phone": "[redacted]", **shown}


async def test_a_finished_job_counts_down_in_its_own_namespace(
    redis_url: str, space: Space, redis: Any
) -> None:
    a, b = space("a"), space("b")
    tenants = Tenants(redis)
    for store in (a, b):
        await tenants.create(name(store), Policy({"jobs": 3, "stored_bytes": 100_000}), "")

    async def unfinished() -> dict[str, int]:
        found = [(name(store), await tenants.usage(name(store))) for store in (a, b)]
        return {name: usage.jobs for name, usage in found if usage is not None}

    async with serving(redis_url, names(a, b), concurrency=6):
        for store in (a, a, a, b, b):
            await submit(store, name="hold")
        await started(5)
        with pytest.raises(QuotaExceeded):
            await submit_one(a)
        for counts in ((3, 1), (3, 0)):
            gate(name(b)).release()

            async def counted(counts: tuple[int, int] = counts) -> None:
                assert await unfinished() == dict(zip((name(a), name(b)), counts, strict=True))

            await eventually(counted)
        with pytest.raises(QuotaExceeded):
            await submit_one(a)
        await reached(b, await submit(b, name="note"))
        gate(name(a)).release()

        async def has_room() -> None:
            assert (await unfinished())[name(a)] == 2

        await eventually(has_room)
        await reached(a, await submit(a, name="note"))
        # A handler submits at the cost of the namespace in which it runs.
        refused = await submit(a, name="enqueue-two")
        accepted = await submit(b, name="enqueue-two")
        assert (await reached(b, accepted)).result == b'"enqueued"'
        assert (await reached(a, refused)).result == b'"refused"'
        for _ in range(3):
            gate(name(a)).release()
