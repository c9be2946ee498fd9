"""The history over HTTP: columns without holes, rows in order of trouble, and marks."""

import pytest

from service.api.responses import rendering
from service.domain.stats import MINUTE_MS
from service.store.namespace import Namespace
from service.store.stats.recorder import DUE_MS
from tests.api.client import Api, problem
from tests.support.factories import register_worker

COUNTS = ("started", "succeeded", "failed", "dead", "cancelled")


async def store_now(store: Namespace, **counts: int) -> int:
    """Store these counts as the current minute; returns it."""
    now = await store.queries.now()
    minute = now // MINUTE_MS
    store.scripts.now = str(minute * MINUTE_MS + 30_000)
    await store.stats_recorder.add("wk_1", 1, {name.replace("_", "|"): n for name, n in counts.items()})
    store.scripts.now = str((minute + 1) * MINUTE_MS + DUE_MS)
    await store.stats_recorder.work()
    store.scripts.now = ""
    return minute


async def test_a_day_by_default_in_steps_of_five_minutes(api: Api, store: Namespace) -> None:
    await store_now(store, q_default_0=4, q_default_1=3, q_default_2=1, q_default_w12=4, q_default_r18=4)
    found = (await api.http.get("/v1/stats", params={"queue": "default"})).json()
    assert (found["points"], found["step_seconds"]) == (288, 300)
    columns = [found[name] for name in COUNTS]
    columns += [
        found[times][share] for times in ("wait_seconds", "run_seconds") for share in ("p50", "p95", "p99")
    ]
    columns += found["depth"].values()
    assert {len(column) for column in columns} == {288}
    assert [column[:-1] for column in columns] == [[None] * 287] * len(columns)
    assert [column[-1] for column in columns[:5]] == [4, 3, 1, 0, 0]
    assert 0.07 < found["wait_seconds"]["p50"][-1] <= 0.1 < found["run_seconds"]["p99"][-1] <= 1
    assert found["totals"]["started"] == 4
    assert found["totals"]["wait_seconds"]["p50"] == found["wait_seconds"]["p50"][-1]


async def test_a_job_type_and_the_whole_namespace(api: Api, store: Namespace) -> None:
    await store_now(store, q_default_0=4, q_bulk_0=2, t_work_0=6)
    of_type = (await api.http.get("/v1/stats", params={"type": "work", "step": "1h"})).json()
    assert (of_type["totals"]["started"], of_type["depth"], of_type["points"]) == (6, None, 24)
    assert (await api.http.get("/v1/stats")).json()["totals"]["started"] == 6


async def test_rows_with_trouble_come_first_with_their_trend(api: Api, store: Namespace) -> None:
    await store_now(store, q_calm_0=90, q_calm_1=90, q_failing_0=5, q_failing_2=4, q_dying_3=1, t_work_0=95)
    found = (await api.http.get("/v1/stats/queues")).json()
    assert [row["name"] for row in found["items"]] == ["dying", "failing", "calm"]
    assert [row["trend"]["failed"][-1] for row in found["items"]] == [0, 4, 0]
    assert {len(row["trend"]["dead"]) for row in found["items"]} == {24}
    assert [row["name"] for row in (await api.http.get("/v1/stats/job-types")).json()["items"]] == ["work"]
    assert len((await api.http.get("/v1/stats/queues?limit=1")).json()["items"]) == 1


@pytest.mark.parametrize(("minutes", "step"), [(20, 60), (100, 300), (600, 3600)])
async def test_a_trend_has_the_shortest_steps_that_are_kept(
    api: Api, store: Namespace, minutes: int, step: int
) -> None:
    await store_now(store, q_default_0=4)
    since = rendering.time(await store.queries.now() - minutes * MINUTE_MS)
    found = (await api.http.get("/v1/stats/queues", params={"from": str(since)})).json()
    assert found["trend_step_seconds"] == step


async def test_deploys_pauses_and_resumes_are_marked(api: Api, store: Namespace) -> None:
    began = await store.queries.now() - 1_000
    for number, version in enumerate(("1.0", "1.0", "1.1", "1.0")):
        store.scripts.now = str(began + number)
        await register_worker(store, version=version)
    await register_worker(store, version="1.0", job_types=("work", "more"))
    store.scripts.now = ""
    await api.http.post("/v1/queues/bulk/pause")
    await api.http.patch("/v1/queues/bulk", json={"max_depth": 7})
    await api.http.post("/v1/queues/bulk/pause", json={"job_type": "send_mail"})
    await api.http.post("/v1/queues/bulk/resume")
    await api.http.post("/v1/queues/bulk/resume", json={"job_type": "send-mail"})
    marks = (await api.http.get("/v1/stats", params={"queue": "bulk"})).json()["marks"]
    assert [(mark["kind"], mark["version"], mark["job_type"]) for mark in marks] == [
        ("deploy", "1.0", None),
        ("deploy", "1.1", None),
        ("deploy", "1.0", None),
        ("pause", None, None),
        ("pause", None, "send-mail"),
        ("resume", None, None),
        ("resume", None, "send-mail"),
    ]
    marks = (await api.http.get("/v1/stats", params={"queue": "default"})).json()["marks"]
    assert {mark["kind"] for mark in marks} == {"deploy"}


async def test_contradictions_are_refused(api: Api) -> None:
    both = await api.http.get("/v1/stats", params={"queue": "a", "type": "b"})
    assert problem(both, 422, "validation_failed")["errors"][0]["pointer"] == "type"
    later = {"from": "2026-11-27T10:00:00Z", "to": "2026-11-27T09:00:00Z"}
    assert (
        problem(await api.http.get("/v1/stats", params=later), 422, "validation_failed")["errors"][0][
            "pointer"
        ]
        == "from"
    )
