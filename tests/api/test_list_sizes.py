"""Lists are limited in bytes: large values are omitted and named, and the next page continues."""

import asyncio
from typing import Any

import orjson
import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.job_spec import JobSpec
from service.domain.outcome import Failed, Failure, Succeeded
from service.domain.retry import RetryPolicy
from service.store import job_search, queries
from service.store.namespace import Namespace
from service.store.previews import PAGE_BYTES, VALUE_BYTES
from tests.api.client import Api
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, submit

MIB = 1_048_576


async def pages(api: Api, path: str, **params: Any) -> list[Any]:
    """Every page of a list, followed to the last one."""
    found, cursor = [], None
    for _ in range(1_000):
        given = {**params, **({} if cursor is None else {"cursor": cursor})}
        response = await api.http.get(path, params=given)
        assert response.status_code == 200, response.text
        assert len(response.content) < 8 * MIB
        found.append(response.json()["items"])
        cursor = response.json()["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


async def test_large_results_are_left_out_of_lists_and_named(api: Api, store: Namespace) -> None:
    ids = [await submit(store) for _ in range(20)]
    for lease in (await claim(store, 20)).leases:
        await finish(store, lease, Succeeded(b'"' + b"r" * MIB + b'"'))
    ((page),) = await pages(api, "/v1/jobs", limit=200)
    assert {job["id"] for job in page} == set(ids)
    assert {(job["result"], tuple(job["truncated"])) for job in page} == {(None, ("result",))}
    one = (await api.http.get(f"/v1/jobs/{ids[0]}")).json()
    assert (len(one["result"]), one["truncated"]) == (MIB, [])


async def test_omitted_values_are_not_read_either(api: Api, store: Namespace) -> None:
    for _ in range(20):
        await submit(store, payload=b'{"a":"' + b"x" * 60_000 + b'"}')
    redis: Any = store.scripts.redis
    before = (await redis.info("stats"))["total_net_output_bytes"]
    await pages(api, "/v1/jobs")
    assert (await redis.info("stats"))["total_net_output_bytes"] - before < 20 * 60_000


async def test_values_up_to_the_limit_are_shown_and_end_the_page(api: Api, store: Namespace) -> None:
    payload = orjson.dumps({"a": "x" * (VALUE_BYTES - 8)})
    assert len(payload) == VALUE_BYTES
    fit = PAGE_BYTES // (2 * VALUE_BYTES)
    await asyncio.gather(*[submit(store, payload=payload) for _ in range(fit + 10)])
    for lease in (await claim(store, fit + 10)).leases:
        await finish(store, lease, Succeeded(payload))
    found = await pages(api, "/v1/jobs", limit=200)
    assert [len(page) for page in found] == [fit, 10]
    jobs = [job for page in found for job in page]
    assert len({job["id"] for job in jobs}) == fit + 10
    assert all(job["truncated"] == [] and job["payload"] == job["result"] != {} for job in jobs)


async def test_the_jobs_of_a_fan_out_end_with_the_page_as_well(api: Api, store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work")), 400, None)
    payload = orjson.dumps({"a": "x" * 16_000})
    for start in range(0, 400, 100):
        await store.fan_outs.add_items(id, [Item(index, payload) for index in range(start, start + 100)])
    jobs = [job for page in await pages(api, f"/v1/fan-outs/{id}/jobs", limit=200) for job in page]
    assert [job["fan_out_index"] for job in jobs] == list(range(399, -1, -1))
    filtered = [job for page in await pages(api, "/v1/jobs", fan_out_id=id, limit=200) for job in page]
    assert [job["id"] for job in filtered] == [job["id"] for job in jobs]


async def test_a_shared_payload_counts_in_a_list(api: Api, store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work", payload=orjson.dumps({"t": "x" * 20_000})))
    await store.fan_outs.create(id, spec, 1, None)
    await store.fan_outs.add_items(id, [Item(0, b'{"a":1}')])
    ((job,),) = await pages(api, f"/v1/fan-outs/{id}/jobs")
    assert (job["payload"], job["truncated"]) == (None, ["payload"])
    assert (await api.http.get(f"/v1/jobs/{job['id']}")).json()["payload"]["a"] == 1


async def test_a_list_of_dead_jobs_does_not_grow_with_their_attempts(api: Api, store: Namespace) -> None:
    retry = RetryPolicy(max_attempts=5, delay_ms=0, jitter=0)
    failed = Failed(Failure("ValueError", "m", "t" * 8_000))
    ids = [await submit(store, retry=retry) for _ in range(3)]
    for _ in range(5):
        for lease in (await claim(store, 3)).leases:
            await finish(store, lease, failed)
    ((*entries,),) = await pages(api, "/v1/dlq")
    assert {entry["job_id"] for entry in entries} == set(ids)
    for entry in entries:
        assert [attempt["attempt"] for attempt in entry["attempts"]] == [5]
        assert entry["truncated"] == ["attempts"]
    one = (await api.http.get(f"/v1/dlq/{ids[0]}")).json()
    assert (len(one["attempts"]), one["truncated"]) == (5, [])


async def test_the_response_to_a_bulk_submission_is_limited_in_size(api: Api) -> None:
    jobs = [{"name": "work", "payload": {"a": "x" * size}} for size in [60_000] * 10 + [16_000] * 500 + [10]]
    response = await api.http.post("/v1/jobs/bulk", json={"jobs": jobs})
    assert len(response.content) < 8 * MIB
    rows = [row["job"] for row in response.json()["results"]]
    assert {tuple(row["truncated"]) for row in rows[:10]} == {("payload",)}
    assert (rows[10]["truncated"], rows[509]["truncated"]) == ([], ["payload"])
    assert len((await api.http.get(f"/v1/jobs/{rows[509]['id']}")).json()["payload"]["a"]) == 16_000


async def test_lists_of_schedules_and_fan_outs_limit_their_payloads(api: Api, store: Namespace) -> None:
    job = {"name": "work", "payload": {"a": "x" * 60_000}}
    for number in range(100):
        body = {"every_seconds": 3600, "job": job}
        assert (await api.http.put(f"/v1/schedules/s{number:03}", json=body)).status_code == 201
    found = await pages(api, "/v1/schedules", limit=200)
    assert [item["name"] for page in found for item in page] == [f"s{number:03}" for number in range(100)]
    assert len(found) == 2
    for _ in range(20):
        assert (await api.http.post("/v1/fan-outs", json={"template": job, "items": []})).status_code == 202
    redis: Any = store.scripts.redis
    before = (await redis.info("stats"))["total_net_output_bytes"]
    await pages(api, "/v1/fan-outs")
    assert (await redis.info("stats"))["total_net_output_bytes"] - before < 10 * 60_000


@pytest.mark.parametrize("params", [{"name": "rare"}, {"tag": "k:rare"}, {"name": "rare", "queue": "q"}])
async def test_a_filter_reads_on_until_it_has_found_something(
    api: Api, store: Namespace, params: dict[str, str]
) -> None:
    rare = await submit(store, name="rare", queue="q", tags={"k": "rare", "all": "1"})
    jobs = [{"name": "work", "queue": "q", "tags": {"all": "1"}}] * 1_000
    for _ in range(5):
        assert (await api.http.post("/v1/jobs/bulk", json={"jobs": jobs})).status_code == 200
    tags = [tag for tag in (params.get("tag"), "all:1") if tag]
    for given in (params, {**params, "tag": tags}):
        (page,) = await pages(api, "/v1/jobs", **given)
        assert [job["id"] for job in page] == [rare]


async def test_a_request_reads_on_up_to_a_bound_and_the_next_one_from_there(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_search, "SCAN_BUDGET", 2)
    monkeypatch.setattr(queries, "MAX_CANDIDATES", 4)
    rare = await submit(store, name="rare")
    for _ in range(9):
        await submit(store)
    found = await pages(api, "/v1/jobs", name="rare")
    assert [[job["id"] for job in page] for page in found] == [[], [], [rare]]


async def test_a_state_of_a_large_fan_out_is_found_in_one_page(api: Api, store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work")), 5_000, None)
    for start in range(0, 5_000, 100):
        await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(start, start + 100)])
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    (page,) = await pages(api, f"/v1/fan-outs/{id}/jobs", state="dead")
    assert [job["fan_out_index"] for job in page] == [0]
    assert await pages(api, f"/v1/fan-outs/{id}/jobs", state="succeeded") == [[]]


async def test_pages_over_many_queues_and_states_hold_every_job_once(api: Api, store: Namespace) -> None:
    ids = [await submit(store, queue=f"q{number % 7}", delay_ms=(number % 3) * 1_000) for number in range(60)]
    await finish(store, (await claim(store)).leases[0], OK)
    for limit in (1, 7, 59, 60, 200):
        found = await pages(api, "/v1/jobs", limit=limit)
        jobs = [job for page in found for job in page]
        assert sorted(job["id"] for job in jobs) == sorted(ids)
        places = [(job["created_at"], job["id"]) for job in jobs]
        assert places == sorted(places, reverse=True)
        assert all(page for page in found)
