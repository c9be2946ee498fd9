"""While Redis is almost full, the tenant that fills it is refused first; operators can always work."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.redis.connect import memory_use
from service.store.tenants.tenants import Tenants
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.support.factories import HOPELESS, OK, claim, finish, submit


@pytest.fixture
async def guarded(store: Namespace) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    yield api
    redis: Any = store.scripts.redis
    await redis.config_set("maxmemory", 0)
    await api.close()


async def test_the_tenant_above_its_share_is_refused_first(guarded: Api, store: Namespace) -> None:
    redis: Any = store.scripts.redis
    large, small = (f"{store.scripts.namespace}-{name}" for name in ("large", "small"))
    for name in (large, small):
        await Tenants(redis).create(name, Policy({"jobs": 100_000}), "")
    tenant = Namespace(redis, large, 1_000)
    used, stored = 1, 0
    while stored < 0.45 * used:
        await submit(tenant, payload=b'{"x":"' + b"y" * 60_000 + b'"}')
        stored += 60_000
        [(used, _)] = (await memory_use(redis)).values()
    await redis.config_set("maxmemory", round(used * 1.1))
    memory = guarded.app.state.app_state.memory
    refused = await authorization(redis, large)
    yearly = {"cron": "0 0 1 1 *", "job": {"name": "work"}}
    await guarded.http.put("/v1/schedules/yearly", json=yearly, headers=refused)
    dead = (await claim(tenant)).leases[0]
    await finish(tenant, dead, HOPELESS)
    await memory.refresh()
    for path, body in (
        ("/v1/jobs", {"name": "work"}),
        ("/v1/flows", {"name": "f", "jobs": {"a": {"job": {"name": "work"}}}}),
        ("/v1/schedules/yearly/run-now", {}),
        (f"/v1/jobs/{dead.job.id}/retry", {"payload": {"n": 1}}),
    ):
        document = problem(await guarded.http.post(path, json=body, headers=refused), 429, "quota_exceeded")
        assert document["quota"] == "memory_share"
    other = await authorization(redis, small)
    assert (await guarded.http.post("/v1/jobs", json={"name": "work"}, headers=other)).status_code == 202
    # The refused tenant can still read, cancel and work.
    await finish(tenant, (await claim(tenant)).leases[0], OK)
    assert (await guarded.http.get("/v1/jobs?limit=1", headers=refused)).status_code == 200
    await redis.config_set("maxmemory", 0)
    await memory.refresh()
    assert (await guarded.http.post("/v1/jobs", json={"name": "work"}, headers=refused)).status_code == 202


async def test_keys_and_namespaces_can_be_managed_while_redis_is_full(guarded: Api, store: Namespace) -> None:
    redis: Any = store.scripts.redis
    operator = await authorization(redis, store.scripts.namespace)
    # The first calls load the functions and fill the caches.
    assert (await guarded.http.post("/v1/jobs", json={"name": "work"}, headers=operator)).status_code == 202
    await redis.config_set("maxmemory", 1_000_000)
    refused = await guarded.http.post("/v1/jobs", json={"name": "work"}, headers=operator)
    problem(refused, 507, "storage_full")
    key = {"name": "new", "scopes": ["jobs:read"]}
    created = (await guarded.http.post("/v1/api-keys", json=key, headers=operator)).json()
    path = f"/v1/api-keys/{created['id']}"
    assert (await guarded.http.post(f"{path}/rotate", headers=operator)).status_code == 200
    assert (await guarded.http.delete(path, headers=operator)).status_code == 204
    name = f"{store.scripts.namespace}-new"
    made = await guarded.http.post("/v1/namespaces", json={"name": name}, headers=operator)
    assert made.status_code == 201
    change = {"quotas": {"jobs": 1}}
    changed = await guarded.http.patch(f"/v1/namespaces/{name}", json=change, headers=operator)
    assert changed.json()["quotas"]["jobs"] == 1
    assert (await guarded.http.delete(f"/v1/namespaces/{name}", headers=operator)).status_code == 204
