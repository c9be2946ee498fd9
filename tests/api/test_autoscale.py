"""/internal/autoscale: what KEDA scales workers by."""

from typing import Any

import httpx

from service.api.auth import digest
from service.domain.states import State
from service.store.access_keys import AccessKey, AccessKeys
from service.store.stores import Stores
from tests.api.client import Api, problem
from tests.factories import job_in, submit


async def ask(api: Api, queue: str = "default") -> dict[str, Any]:
    answer = await api.http.get("/internal/autoscale", params={"queue": queue})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_value_is_what_runs_what_may_run_and_what_is_due_soon(api: Api, stores: Stores) -> None:
    await job_in(stores, State.RUNNING)
    await submit(stores)
    await submit(stores, delay_ms=10_000)
    await submit(stores, delay_ms=3_600_000)
    await submit(stores, queue="elsewhere", delay_ms=10_000)

    answer = await ask(api)

    assert answer == {"queue": "default", "value": 3, "queued": 1, "running": 1, "due": 1, "paused": False}


async def test_overdue_jobs_call_for_the_first_worker(api: Api, stores: Stores) -> None:
    now = (await stores.queries.pipeline(lambda pipe: pipe.time()))[0][0] * 1000
    stores.scripts.now = str(now - 600_000)
    await submit(stores, delay_ms=60_000)

    assert (await ask(api))["value"] == 1


async def test_a_paused_queue_needs_workers_only_for_what_runs(api: Api, stores: Stores) -> None:
    await job_in(stores, State.RUNNING)
    await submit(stores)
    await stores.queues.configure("default", {"paused": True})

    answer = await ask(api)

    assert (answer["value"], answer["queued"], answer["paused"]) == (1, 1, True)


async def test_a_queue_that_was_never_used_has_the_value_0(api: Api) -> None:
    assert (await ask(api, "never-used"))["value"] == 0


async def test_a_queue_must_be_named(api: Api) -> None:
    problem(await api.http.get("/internal/autoscale"), 422, "validation_failed")


async def _get(api: Api, scopes: frozenset[str], secret: str, namespace: str) -> httpx.Response:
    keys = AccessKeys(api.app.state.backend.redis)
    key = AccessKey(f"key_{secret}", "scaler", namespace, scopes, 0)
    await keys.create(key, digest(secret))
    answer = await api.http.get(
        "/internal/autoscale", params={"queue": "default"}, headers={"Authorization": f"Bearer {secret}"}
    )
    await keys.revoke(key.id)
    return answer


async def test_it_takes_a_key_with_metrics_read(stores: Stores, namespace: str) -> None:
    api = Api(stores.scripts.redis, namespace, auth="required")
    await submit(stores)

    allowed = await _get(api, frozenset({"metrics:read"}), f"a-{namespace}", namespace)
    refused = await _get(api, frozenset({"jobs:read"}), f"b-{namespace}", namespace)
    nobody = await api.http.get("/internal/autoscale", params={"queue": "default"})
    await api.close()

    assert allowed.json()["value"] == 1
    problem(refused, 403, "scope_missing")
    problem(nobody, 401, "unauthenticated")


async def test_it_is_open_where_metrics_are(stores: Stores, namespace: str) -> None:
    api = Api(stores.scripts.redis, namespace, auth="required", metrics_open=True)
    await submit(stores)

    answer = await ask(api)
    await api.close()

    assert answer["value"] == 1
