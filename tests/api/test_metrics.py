"""/metrics of the API: exact when idle, limited in series, and without stale values."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client.exposition import generate_latest

from service.api.auth.credentials import digest
from service.api.metrics import api_metrics, http_metrics
from service.domain.access_key import AccessKey
from service.domain.outcome import Refused
from service.domain.states import Reason, State
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect
from service.store.tenants.access_keys import AccessKeys
from tests.api.client import Api
from tests.support import factories
from tests.support.exposition import Series, series, total, value
from tests.support.factories import HOPELESS, claim, finish, job_in, submit


async def scrape(api: Api) -> Series:
    response = await api.http.get("/metrics")
    assert response.status_code == 200, response.text
    return series(response.text)


async def test_queue_metrics_agree_with_a_recount_of_the_jobs(api: Api, store: Namespace) -> None:
    for state in (State.DEAD, State.DEAD, State.RUNNING, State.RETRYING, State.SCHEDULED, State.QUEUED):
        await job_in(store, state)
    await submit(store, queue="other", delay_ms=60_000)

    page = await scrape(api)

    for state, count in {"queued": 1, "running": 1, "retrying": 1, "scheduled": 1, "blocked": 0}.items():
        assert value(page, "triage_queue_jobs", queue="default", state=state) == count, state
    assert value(page, "triage_queue_jobs", queue="other", state="scheduled") == 1
    assert value(page, "triage_dlq_jobs", queue="default", reason="non_retryable") == 2
    assert total(page, "triage_dlq_jobs") == 2
    assert value(page, "triage_redis_up") == 1
    assert value(page, "triage_redis_policy_ok") == 1
    assert value(page, "triage_queues_omitted") == 0


async def test_dead_jobs_are_counted_by_reason_until_they_are_redriven_or_deleted(
    api: Api, store: Namespace
) -> None:
    ids = [await submit(store) for _ in range(3)]
    for lease in (await claim(store, slots=2)).leases:
        await finish(store, lease, HOPELESS)
    (lease,) = (await claim(store)).leases
    await finish(store, lease, Refused(Reason.UNDECODABLE))
    before = await scrape(api)

    await store.jobs.redrive([ids[0]], queue="elsewhere")
    await store.jobs.delete([ids[2]])

    after = await scrape(api)
    assert value(before, "triage_dlq_jobs", queue="default", reason="non_retryable") == 2
    assert value(before, "triage_dlq_jobs", queue="default", reason="undecodable") == 1
    assert value(after, "triage_dlq_jobs", queue="default", reason="non_retryable") == 1
    assert value(after, "triage_dlq_jobs", queue="default", reason="undecodable") == 0
    assert total(after, "triage_dlq_jobs") == 1


async def test_the_age_of_the_oldest_queued_job_grows_and_an_empty_queue_has_none(
    api: Api, store: Namespace
) -> None:
    now = (await store.queries.pipeline(lambda pipe: pipe.time()))[0][0] * 1000
    store.scripts.now = str(now - 90_000)
    await submit(store, queue="old")
    store.scripts.now = ""
    await submit(store, queue="later", delay_ms=60_000)

    page = await scrape(api)

    age = value(page, "triage_queue_oldest_seconds", queue="old")
    assert age is not None
    assert 89 < age < 120
    assert value(page, "triage_queue_oldest_seconds", queue="later") == 0


async def test_queued_types_that_no_worker_of_the_queue_can_run_are_counted(
    api: Api, store: Namespace
) -> None:
    await submit(store, name="known")
    await submit(store, name="unknown")
    await submit(store, name="known", queue="unserved")
    await submit(store, name="unknown-too", limit_key="customer-1")
    await factories.register_worker(store, queues={"default": 1}, job_types=("known",), capacity=7)

    page = await scrape(api)

    assert value(page, "triage_queue_stranded_types", queue="default") == 2
    assert value(page, "triage_queue_stranded_types", queue="unserved") == 1
    assert value(page, "triage_queue_workers", queue="default") == 1
    assert value(page, "triage_queue_capacity", queue="default") == 7
    assert value(page, "triage_queue_workers", queue="unserved") == 0


async def test_jobs_held_back_by_a_rate_limit_are_counted_per_queue(api: Api, store: Namespace) -> None:
    await submit(store)
    await store.scripts.redis.hincrby(keys.counters(store.scripts.prefix), "rate_limited:default", 4)  # type: ignore[misc]

    page = await scrape(api)

    assert value(page, "triage_rate_limited_total", queue="default") == 4


async def test_a_paused_queue_shows_that_it_is(api: Api, store: Namespace) -> None:
    await store.queues.configure("halted", {"paused": True})
    await store.queues.configure("going", {"paused": False})

    page = await scrape(api)

    assert value(page, "triage_queue_paused", queue="halted") == 1
    assert value(page, "triage_queue_paused", queue="going") == 0


async def test_queues_beyond_the_cap_are_counted_together(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_metrics, "MAX_QUEUES", 3)
    now = await store.queries.now()
    for number in range(5):
        store.scripts.now = str(now - 60_000 + number)
        await submit(store, queue=f"queue-{number}")
    store.scripts.now = ""
    await submit(store, queue="queue-4", delay_ms=60_000)

    page = await scrape(api)

    shown = {dict(labels)["queue"] for name, labels in page if name == "triage_queue_oldest_seconds"}
    assert shown == {"queue-0", "queue-1", "queue-2", "_others"}
    assert value(page, "triage_queues_omitted") == 2
    assert value(page, "triage_queue_jobs", queue="_others", state="queued") == 2
    assert value(page, "triage_queue_jobs", queue="_others", state="scheduled") == 1
    assert total(page, "triage_queue_jobs") == 6


async def test_queues_with_work_trouble_or_age_have_series_before_idle_ones(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_metrics, "MAX_QUEUES", 4)
    for number in range(6):
        await store.queues.configure(f"aa-{number}", {"max_concurrency": 1})
    now = (await store.queries.pipeline(lambda pipe: pipe.time()))[0][0] * 1000
    for name, age in (("young", 10_000), ("old", 600_000), ("older", 900_000)):
        store.scripts.now = str(now - age)
        await submit(store, queue=name)
    await submit(store, queue="critical")
    await finish(store, (await claim(store, queues={"critical": 1})).leases[0], HOPELESS)
    store.scripts.now = ""

    page = await scrape(api)

    shown = {dict(labels)["queue"] for name, labels in page if name == "triage_queue_paused"}
    assert shown == {"critical", "older", "old", "young"}
    assert value(page, "triage_dlq_jobs", queue="critical", reason="non_retryable") == 1


async def test_dead_jobs_and_age_of_the_other_queues_are_not_lost(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_metrics, "MAX_QUEUES", 1)
    now = (await store.queries.pipeline(lambda pipe: pipe.time()))[0][0] * 1000
    for name in ("first", "second"):
        store.scripts.now = str(now - 300_000)
        await submit(store, queue=name)
        await finish(store, (await claim(store, queues={name: 1})).leases[0], HOPELESS)
        await submit(store, queue=name)
    store.scripts.now = ""

    page = await scrape(api)

    assert value(page, "triage_dlq_jobs", queue="_others", reason="non_retryable") == 1
    assert total(page, "triage_dlq_jobs") == 2
    age = value(page, "triage_queue_oldest_seconds", queue="_others")
    assert age is not None
    assert 299 < age < 330


async def test_a_key_sees_only_the_requests_of_its_namespace(store: Namespace, namespace: str) -> None:
    """Requests without a known sender count towards the namespace of the API."""
    redis = store.scripts.redis
    api = Api(redis, f"home-{namespace}", auth="required")
    secrets = {name: f"secret-{name}-{namespace}" for name in ("one", "two", "home")}
    for name, secret in secrets.items():
        key = AccessKey(
            f"key_{secret}", name, f"{name}-{namespace}", frozenset({"metrics:read", "jobs:write"}), 0
        )
        await AccessKeys(redis).create(key, digest(secret))
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, secret in secrets.items()}
    for name, requests in (("one", 3), ("two", 1)):
        for _ in range(requests):
            response = await api.http.post("/v1/jobs", json={"name": "work"}, headers=headers[name])
            assert response.status_code == 202
    assert (await api.http.post("/v1/jobs", json={"name": "work"})).status_code == 401
    assert (await api.http.get("/v1/jobs", headers=headers["two"])).status_code == 403

    pages = {name: series((await api.http.get("/metrics", headers=headers[name])).text) for name in secrets}

    found = {name: total(page, "http_requests_total") for name, page in pages.items()}
    assert found == {"one": 3, "two": 2, "home": 1}
    assert {name: total(page, "triage_payload_bytes_count") for name, page in pages.items()} == {
        "one": 3,
        "two": 1,
        "home": 0,
    }
    assert total(pages["two"], "http_request_duration_seconds_count") == 2
    assert value(pages["two"], "http_requests_total", handler="/v1/jobs", method="GET", status="4xx") == 1
    for secret in secrets.values():
        await AccessKeys(redis).revoke(f"key_{secret}")
    await api.close()


async def test_the_open_page_counts_the_requests_of_all_namespaces(store: Namespace, namespace: str) -> None:
    api = Api(store.scripts.redis, namespace, auth="required", metrics_open=True)
    key = AccessKey(f"key_{namespace}", "one", f"other-{namespace}", frozenset({"jobs:write"}), 0)
    await AccessKeys(store.scripts.redis).create(key, digest(namespace))
    headers = {"Authorization": f"Bearer {namespace}"}
    assert (await api.http.post("/v1/jobs", json={"name": "work"}, headers=headers)).status_code == 202

    page = await scrape(api)

    assert value(page, "http_requests_total", handler="/v1/jobs", method="POST", status="2xx") == 1
    await AccessKeys(store.scripts.redis).revoke(key.id)
    await api.close()


def test_namespaces_beyond_the_limit_are_counted_only_by_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_metrics, "MAX_NAMESPACES", 2)
    counted = http_metrics.HttpMetrics("home")
    for name in ("one", "two", "three", "home"):
        counted.payload(name, 100)
    found = {name: counted.of(name) for name in ("one", "two", "three", "home")}
    assert [name for name, own in found.items() if own is None] == ["three"]
    page = series(generate_latest(counted.process.registry).decode())
    assert value(page, "triage_payload_bytes_count") == 4


async def test_unknown_paths_create_no_series(api: Api) -> None:
    for number in range(20):
        await api.http.get(f"/v1/invented-{number}")
        await api.http.get(f"/v1/jobs/job_{number:026d}")

    page = await scrape(api)

    handlers = {dict(labels).get("handler") for name, labels in page if name == "http_requests_total"}
    assert handlers == {"none", "/v1/jobs/{job_id}"}


async def test_payload_sizes_are_measured(api: Api) -> None:
    await api.create(payload={"text": "x" * 2_000})

    page = await scrape(api)

    assert value(page, "triage_payload_bytes_count") == 1
    assert value(page, "triage_payload_bytes_bucket", le="1024.0") == 0
    assert value(page, "triage_payload_bytes_bucket", le="4096.0") == 1


@pytest.fixture
async def cut_off(namespace: str) -> AsyncIterator[Api]:
    """An API whose Redis is unreachable."""
    redis = connect("unix:///nonexistent/triage.sock")
    api = Api(redis, namespace, metrics_open=True)
    yield api
    await api.close()
    await redis.aclose()


async def test_while_redis_is_unreachable_old_numbers_do_not_look_like_new_ones(
    api: Api, store: Namespace, cut_off: Api
) -> None:
    await submit(store)
    assert total(await scrape(api), "triage_queue_jobs") == 1
    app_state = api.app.state.app_state
    app_state.namespace_states.clear()
    app_state.redis = cut_off.app.state.app_state.redis

    page = await scrape(api)

    assert value(page, "triage_redis_up") == 0
    about_redis = {
        name for name, _ in page if name.startswith(("triage_queue", "triage_dlq", "triage_redis"))
    }
    assert about_redis == {"triage_redis_up"}


async def test_while_redis_is_unreachable_the_errors_it_causes_are_still_shown(cut_off: Api) -> None:
    response = await cut_off.http.post("/v1/jobs", json={"name": "work"})
    assert response.status_code == 503

    page = await scrape(cut_off)

    assert value(page, "http_requests_total", handler="/v1/jobs", method="POST", status="5xx") == 1
