"""/internal/autoscale: the number by which KEDA scales workers."""

from typing import Any

import httpx
import pytest

from service.api.auth.credentials import digest
from service.domain.access_key import AccessKey
from service.domain.fan_out import FanOutSpec, Item
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from tests.api.client import Api, problem
from tests.support.factories import IDS, OK, claim, finish, job_in, limit, new_id, submit


async def ask(api: Api, queue: str = "default") -> dict[str, Any]:
    response = await api.http.get("/internal/autoscale", params={"queue": queue})
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_value_counts_jobs_that_run_may_run_or_are_due_soon(api: Api, store: Namespace) -> None:
    await job_in(store, State.RUNNING)
    await submit(store)
    await submit(store, delay_ms=10_000)
    await submit(store, delay_ms=3_600_000)
    await submit(store, queue="elsewhere", delay_ms=10_000)

    response = await ask(api)

    counts = {"queued": 1, "running": 1, "due": 1, "startable": 2}
    assert response == {"queue": "default", "value": 3, **counts, "paused": False}


async def test_overdue_jobs_call_for_the_first_worker(api: Api, store: Namespace) -> None:
    now = (await store.queries.pipeline(lambda pipe: pipe.time()))[0][0] * 1000
    store.scripts.now = str(now - 600_000)
    await submit(store, delay_ms=60_000)

    assert (await ask(api))["value"] == 1


async def test_a_paused_queue_needs_workers_only_for_running_jobs(api: Api, store: Namespace) -> None:
    await job_in(store, State.RUNNING)
    await submit(store)
    await store.queues.configure("default", {"paused": True})

    response = await ask(api)

    assert (response["value"], response["queued"], response["paused"]) == (1, 1, True)


@pytest.mark.parametrize(
    ("settings", "spec", "value"),
    [
        ({}, {}, 10),
        ({"max_concurrency": 2}, {}, 2),
        ({"paused_job_types": {"work"}}, {}, 0),
        ({"paused_job_types": {"work"}}, {"limit_key": "k"}, 0),
        ({"per_key": KeyLimits(max_concurrency=1)}, {"limit_key": "k"}, 1),
        ({"keys": {"k": KeyOverride(3)}}, {"limit_key": "k"}, 3),
        ({"rate_limit": RateLimit(4, 3_600_000)}, {}, 4),
        ({"rate_limit": RateLimit(4, 3_600_000, smooth=True)}, {}, 1),
        ({"rate_limit": RateLimit(1, 10_000, smooth=True)}, {}, 4),
        ({"rate_limit": RateLimit(2, 10_000)}, {}, 8),
        ({"per_key": KeyLimits(rate_limit=RateLimit(5, 60_000))}, {"limit_key": "k"}, 5),
        ({"max_concurrency": 2}, {"delay_ms": 5_000}, 2),
        ({"paused_job_types": {"work"}}, {"delay_ms": 5_000}, 0),
        ({"per_key": KeyLimits(max_concurrency=1)}, {"limit_key": "k", "delay_ms": 5_000}, 1),
    ],
)
async def test_jobs_that_cannot_start_call_for_no_worker(
    api: Api, store: Namespace, settings: dict[str, Any], spec: dict[str, Any], value: int
) -> None:
    await limit(store, **settings)
    for _ in range(10):
        await submit(store, **spec)

    assert (await ask(api))["value"] == value


async def test_running_jobs_use_up_the_limit(api: Api, store: Namespace) -> None:
    await limit(store, max_concurrency=3, per_key=KeyLimits(max_concurrency=2))
    for key in ("a", "a", "a", "b", "b", "b"):
        await submit(store, limit_key=key)
    assert (await ask(api))["value"] == 3
    assert len((await claim(store, 2)).leases) == 2
    assert (await ask(api))["value"] == 3
    # Both keys and the queue have reached their limits.
    assert len((await claim(store, 9)).leases) == 1
    response = await ask(api)
    assert (response["value"], response["running"], response["queued"], response["startable"]) == (3, 3, 3, 0)


async def test_a_used_up_rate_calls_for_no_worker_until_it_opens(api: Api, store: Namespace) -> None:
    await limit(store, rate_limit=RateLimit(2, 60_000))
    for _ in range(5):
        await submit(store)
    for lease in (await claim(store, 5)).leases:
        await finish(store, lease, OK)
    assert (await ask(api))["value"] == 0
    later = int((await claim(store)).now_us / 1000) + 45_000
    store.scripts.now = str(later)
    assert (await store.queue_metrics.load("default", 30_000)).jobs == 2


async def test_frozen_jobs_call_for_no_worker(api: Api, store: Namespace) -> None:
    for key in (None, "acme"):
        for _ in range(3):
            await submit(store, limit_key=key)
    await submit(store, name="other")
    for lease in (await claim(store, 1)).leases:
        await finish(store, lease, Throttled(120_000))
    assert (await ask(api))["value"] == 4
    while leases := (await claim(store, 1)).leases:
        await finish(store, leases[0], Throttled(120_000))
    response = await ask(api)
    assert (response["value"], response["queued"]) == (1, 7)


async def test_due_jobs_behind_a_freeze_call_for_no_worker(api: Api, store: Namespace) -> None:
    for key in (None, "acme"):
        await submit(store, limit_key=key)
        await finish(store, (await claim(store)).leases[0], Throttled(120_000))
        await submit(store, limit_key=key, delay_ms=5_000)
    response = await ask(api)
    assert (response["value"], response["due"], response["queued"]) == (0, 2, 2)
    await submit(store, limit_key="other", delay_ms=5_000)
    assert (await ask(api))["value"] == 1


async def test_limits_that_open_within_the_horizon_call_for_workers(api: Api, store: Namespace) -> None:
    await limit(store, per_key=KeyLimits(rate_limit=RateLimit(1, 10_000)))
    for _ in range(6):
        await submit(store, limit_key="acme")
    (lease,) = (await claim(store, 6)).leases
    await finish(store, lease, OK)
    # The rate opens after 10, 20 and 30 seconds.
    assert (await ask(api))["value"] == 3


@pytest.mark.parametrize(("delay_ms", "keyed"), [(20_000, False), (0, True)], ids=["due", "lanes"])
async def test_jobs_and_lanes_beyond_those_inspected_count_as_startable(
    api: Api, store: Namespace, delay_ms: int, keyed: bool
) -> None:
    """Of 510 due jobs, or lanes, the endpoint inspects 500."""
    keys = [f"acme-{number}" if keyed else None for number in range(510)]
    specs = [JobSpec("work", delay_ms=delay_ms, limit_key=key) for key in keys]
    await store.jobs.submit([Submission(new_id(), spec) for spec in specs])
    assert (await ask(api))["value"] == 510


async def test_a_fan_out_calls_for_as_many_as_it_lets_run(api: Api, store: Namespace) -> None:
    id = IDS.new("fan", members=9)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), max_concurrency=2), 0, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(9)])

    assert (await ask(api))["value"] == 2


async def test_due_jobs_behind_many_of_other_queues_count(api: Api, store: Namespace) -> None:
    """Even behind many jobs of other queues that are due earlier."""
    specs = [JobSpec("work", queue="elsewhere", delay_ms=1_000)] * 300
    await store.jobs.submit([Submission(new_id(), spec) for spec in specs])
    for _ in range(3):
        await submit(store, delay_ms=20_000)

    response = await ask(api)

    assert (response["due"], response["value"]) == (3, 3)


async def test_a_queue_that_was_never_used_has_the_value_0(api: Api) -> None:
    assert (await ask(api, "never-used"))["value"] == 0


async def test_a_queue_must_be_named(api: Api) -> None:
    problem(await api.http.get("/internal/autoscale"), 422, "validation_failed")


async def _get(api: Api, scopes: frozenset[str], secret: str, namespace: str) -> httpx.Response:
    keys = AccessKeys(api.app.state.app_state.redis)
    key = AccessKey(f"key_{secret}", "scaler", namespace, scopes, 0)
    await keys.create(key, digest(secret))
    response = await api.http.get(
        "/internal/autoscale", params={"queue": "default"}, headers={"Authorization": f"Bearer {secret}"}
    )
    await keys.revoke(key.id)
    return response


async def test_it_takes_a_key_with_metrics_read(store: Namespace, namespace: str) -> None:
    api = Api(store.scripts.redis, namespace, auth="required")
    await submit(store)

    allowed = await _get(api, frozenset({"metrics:read"}), f"a-{namespace}", namespace)
    refused = await _get(api, frozenset({"jobs:read"}), f"b-{namespace}", namespace)
    nobody = await api.http.get("/internal/autoscale", params={"queue": "default"})
    await api.close()

    assert allowed.json()["value"] == 1
    problem(refused, 403, "scope_missing")
    problem(nobody, 401, "unauthenticated")


async def test_it_is_open_where_metrics_are(store: Namespace, namespace: str) -> None:
    api = Api(store.scripts.redis, namespace, auth="required", metrics_open=True)
    await submit(store)

    response = await ask(api)
    await api.close()

    assert response["value"] == 1
