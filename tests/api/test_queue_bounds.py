"""Settings of a queue that grow with each request have limits."""

from typing import Any

import httpx
import pytest

from service.store.queues import queues
from tests.api.client import Api, problem


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "MAX_OVERRIDES", 3)
    monkeypatch.setattr(queues, "MAX_PAUSED_TYPES", 2)


async def override(api: Api, **keys: dict[str, Any] | None) -> httpx.Response:
    return await api.http.patch("/v1/queues/default", json={"keys": keys})


@pytest.mark.usefixtures("small_limits")
async def test_a_queue_has_a_limit_of_overrides(api: Api) -> None:
    one: dict[str, Any] = {"max_concurrency": 1}
    assert (await override(api, a=one, b=one)).status_code == 200
    refused = problem(await override(api, c=one, d=one), 422, "validation_failed")
    assert refused["errors"] == [
        {"pointer": "/keys", "code": "too_long", "message": "the limit is 3 overrides per queue"}
    ]
    # The refused change stored nothing. Replacing or removing an override does not add one.
    assert set((await override(api, c=one)).json()["keys"]) == {"a", "b", "c"}
    assert set((await override(api, a={"max_concurrency": 2}, b=None, e=one)).json()["keys"]) == {
        "a",
        "c",
        "e",
    }
    assert (await override(api, unknown=None)).status_code == 200
    problem(await override(api, f=one, unknown=None), 422, "validation_failed")


@pytest.mark.usefixtures("small_limits")
async def test_overrides_beyond_a_lowered_limit_can_be_changed_and_removed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    one: dict[str, Any] = {"max_concurrency": 1}
    assert (await override(api, a=one, b=one, c=one)).status_code == 200
    monkeypatch.setattr(queues, "MAX_OVERRIDES", 1)
    assert (await override(api, a={"max_concurrency": 2}, b=None)).status_code == 200
    problem(await override(api, b=one), 422, "validation_failed")


@pytest.mark.usefixtures("small_limits")
async def test_a_queue_has_a_limit_of_paused_job_types(api: Api) -> None:
    async def change(verb: str, job_type: str) -> httpx.Response:
        return await api.http.post(f"/v1/queues/default/{verb}", json={"job_type": job_type})

    for name in ("one", "two", "two"):
        assert (await change("pause", name)).status_code == 200
    refused = problem(await change("pause", "three"), 422, "validation_failed")
    assert refused["errors"] == [
        {"pointer": "/job_type", "code": "too_long", "message": "the limit is 2 paused job types per queue"}
    ]
    assert (await change("resume", "one")).status_code == 200
    assert (await change("pause", "three")).json()["paused_job_types"] == ["three", "two"]
