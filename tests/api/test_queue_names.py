"""Queues that clients create and delete: their maximum number, and which requests it refuses."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues import queues
from tests.api.client import Api, problem
from tests.support.factories import HOPELESS, claim, finish, job_in, submit


@pytest.fixture
async def small(store: Namespace, namespace: str) -> AsyncGenerator[Api]:
    """An API whose namespaces may have one queue; this one has it."""
    api = Api(store.scripts.redis, namespace, max_queues=1)
    await submit(store)
    yield api
    await api.close()


JOB = {"name": "work", "queue": "another"}
REQUESTS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/v1/jobs", JOB),
    ("POST", "/v1/flows", {"name": "flow", "jobs": {"one": {"job": {"name": "work"}}, "two": {"job": JOB}}}),
    ("POST", "/v1/fan-outs", {"template": JOB, "items": [{"payload": {}}]}),
    ("POST", "/v1/fan-outs", {"template": {"name": "work"}, "items": [], "sealed": False, "then": JOB}),
    ("PATCH", "/v1/queues/another", {"max_concurrency": 1}),
    ("POST", "/v1/queues/another/pause", None),
    ("POST", "/v1/queues/another/pause", {"job_type": "work"}),
    ("PUT", "/v1/schedules/nightly", {"cron": "0 0 * * *", "job": JOB}),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
async def test_one_queue_too_many_is_429(
    small: Api, store: Namespace, method: str, path: str, body: dict[str, Any] | None
) -> None:
    problem(await small.http.request(method, path, json=body), 429, "too_many_queues")
    assert await store.queues.names() == ["default"]


async def test_a_bulk_request_gets_one_result_per_row(small: Api) -> None:
    response = (await small.http.post("/v1/jobs/bulk", json={"jobs": [{"name": "work"}, JOB]})).json()
    assert [row["status"] for row in response["results"]] == [202, 429]
    assert response["results"][1]["problem"]["code"] == "too_many_queues"


async def test_a_redrive_into_a_new_queue_is_429(small: Api, store: Namespace) -> None:
    lease = (await claim(store)).leases[0]
    await finish(store, lease, HOPELESS)
    for path in (f"/v1/jobs/{lease.job.id}/retry", f"/v1/dlq/{lease.job.id}/retry"):
        problem(await small.http.post(path, json={"queue": "another"}), 429, "too_many_queues")
    job = await store.queries.job(lease.job.id)
    assert job is not None
    assert job.state == State.DEAD


async def test_a_run_now_into_a_new_queue_is_429(store: Namespace, namespace: str) -> None:
    api = Api(store.scripts.redis, namespace, max_queues=1)
    await api.http.put("/v1/schedules/nightly", json={"cron": "0 0 * * *", "job": JOB})
    await submit(store)
    problem(await api.http.post("/v1/schedules/nightly/run-now"), 429, "too_many_queues")
    await api.close()


async def test_an_empty_queue_is_deleted_with_its_settings(api: Api) -> None:
    await api.http.patch("/v1/queues/mail", json={"max_concurrency": 2})
    response = await api.http.delete("/v1/queues/mail")
    assert (response.status_code, response.content) == (204, b"")
    problem(await api.http.get("/v1/queues/mail"), 404, "not_found")
    problem(await api.http.delete("/v1/queues/mail"), 404, "not_found")


@pytest.mark.parametrize("state", list(State))
async def test_a_queue_with_jobs_in_any_state_is_409(api: Api, store: Namespace, state: State) -> None:
    await job_in(store, state)
    problem(await api.http.delete("/v1/queues/default"), 409, "queue_not_empty")
    assert (await api.http.get("/v1/queues/default")).status_code == 200


async def test_queues_are_listed_by_name_page_by_page(api: Api, store: Namespace) -> None:
    for name in ("b", "a:1", "C", "a"):
        await submit(store, queue=name)
    names: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await api.http.get("/v1/queues", params=parameters)).json()
        names += [queue["name"] for queue in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert names == ["C", "a", "a:1", "b"]


async def test_queues_that_need_attention_come_first_and_totals_cover_all_queues(
    api: Api, store: Namespace
) -> None:
    now = await store.queries.now()
    for number in range(3):
        await store.queues.configure(f"aa-{number}", {"max_concurrency": 1})
    for name, age in (("young", 1_000), ("old", 600_000), ("halted", 2_000), ("failing", 3_000)):
        store.scripts.now = str(now - age)
        await submit(store, queue=name)
    await submit(store, queue="young", delay_ms=600_000)
    await finish(store, (await claim(store, queues={"failing": 1})).leases[0], HOPELESS)
    await store.queues.pause("halted")
    store.scripts.now = ""

    page = (await api.http.get("/v1/queues", params={"order": "attention", "limit": "4"})).json()

    assert [queue["name"] for queue in page["items"]] == ["halted", "failing", "old", "young"]
    assert page["next_cursor"] is None
    counts = {"queued": 3, "scheduled": 1, "retrying": 0, "running": 0, "blocked": 0}
    assert page["totals"] == {"queues": 7, "counts": counts, "dlq_depth": 1}


async def test_a_page_of_queues_ends_before_it_has_too_many_overrides(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several requests can give a queue any number of overrides."""
    monkeypatch.setattr(queues, "OVERRIDES_OF_PAGE", 3)
    overrides = {"a": 2, "b": 1, "c": 1, "d": 9, "e": 0, "f": 3, "g": 0}
    for name, count in overrides.items():
        keys = {f"key-{number}": {"max_concurrency": 1} for number in range(count)}
        changes = {"keys": keys, "max_concurrency": 1}
        assert (await api.http.patch(f"/v1/queues/{name}", json=changes)).status_code == 200
    pages: list[str] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        given = {} if cursor is None else {"cursor": cursor}
        page = (await api.http.get("/v1/queues", params=given)).json()
        assert all(len(queue["keys"]) == overrides[queue["name"]] for queue in page["items"])
        pages.append("".join(queue["name"] for queue in page["items"]))
        cursor = page["next_cursor"]
    assert pages == ["ab", "c", "d", "efg"]
    most = (await api.http.get("/v1/queues", params={"order": "attention"})).json()
    assert [queue["name"] for queue in most["items"]] == ["a", "b"]
    assert most["totals"]["queues"] == 7
    assert (await api.http.get("/metrics")).text.count("triage_queue_paused{") == 7


async def test_the_order_of_attention_has_no_further_pages(api: Api, store: Namespace) -> None:
    for name in ("a", "b"):
        await submit(store, queue=name)
    first = (await api.http.get("/v1/queues", params={"limit": "1"})).json()
    assert first["totals"] is None
    parameters = {"order": "attention", "cursor": first["next_cursor"]}
    problem(await api.http.get("/v1/queues", params=parameters), 400, "cursor_invalid")
