"""The records of idempotency keys count, and make room when they expire."""

from typing import Any

import httpx
import pytest

from service.clock import Clock
from service.domain.job_spec import JobSpec
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.api.quotas import CANCEL, FAN_OUT, FLOW, JOB, limit, refused, usage
from tests.support.factories import new_id


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/jobs", JOB), ("/v1/flows", FLOW), ("/v1/fan-outs", FAN_OUT), ("/v1/bulk-actions", CANCEL)],
    ids=["job", "flow", "fan-out", "bulk action"],
)
async def test_idempotency_keys_have_a_quota(
    api: Api, store: Namespace, path: str, body: dict[str, Any]
) -> None:
    await limit(store, idempotency_bytes=1_000)

    async def send(key: str) -> httpx.Response:
        return await api.http.post(path, json=body, headers={"Idempotency-Key": key})

    for key in "aabb":
        assert (await send(key)).status_code == 202
    used = (await usage(store)).idempotency_bytes
    assert 2 * 384 <= used <= 1_000
    refused(await send("c"), "idempotency_bytes")
    # A known key still returns its result, and a request without a key is accepted.
    assert (await send("a")).headers["idempotency-replayed"] == "true"
    assert (await api.http.post(path, json=body)).status_code == 202
    assert (await usage(store)).idempotency_bytes == used


async def test_idempotency_keys_make_room_when_they_expire(api: Api, store: Namespace) -> None:
    await limit(store, idempotency_bytes=1_000)
    start = Clock().now_ms()

    async def send(key: str, hours: float) -> str:
        store.scripts.now = str(start + round(hours * 3_600_000))
        submission = Submission(new_id(), JobSpec("work"), Idempotency("", key, "request"))
        return (await store.jobs.submit([submission]))[0].result

    kept = [("a", 0), ("b", 1), ("d", 24.1), ("f", 25.1), ("g", 60), ("h", 60)]
    late = [("c", 2), ("e", 24.2), ("i", 60)]
    sent = sorted((*kept, *late), key=lambda pair: (pair[1], pair[0]))
    results = {pair: await send(*pair) for pair in sent}
    assert results == {**dict.fromkeys(kept, "created"), **dict.fromkeys(late, "quota_exceeded")}
