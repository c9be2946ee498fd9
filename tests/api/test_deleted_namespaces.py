"""What a deleted namespace leaves behind: nothing that a later tenant of the same name could meet."""

from collections.abc import AsyncIterator

import pytest

from service.domain.errors import BackendUnavailable, NotFound
from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.tenants import tenants
from service.store.tenants.access_keys import AccessKeys
from service.store.tenants.tenants import Tenants
from tests.api.client import Api
from tests.api.keys import authorization
from tests.support.factories import OK, claim, finish, submit


@pytest.fixture
async def tenant(store: Namespace) -> AsyncIterator[Namespace]:
    """Another namespace, with a record."""
    tenant = Namespace(store.scripts.redis, f"{store.scripts.namespace}-acme", 1_000)
    await Tenants(store.scripts.redis).create(tenant.scripts.namespace, Policy({"jobs": 10}), "")
    yield tenant
    await tenant.change_feed.close()


async def run_jobs(tenant: Namespace) -> None:
    for lease in (await claim(tenant, slots=3)).leases:
        await finish(tenant, lease, OK)


async def test_webhooks_do_not_outlive_their_namespace(
    store: Namespace, tenant: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "TARGETS", 1)
    redis, name = store.scripts.redis, tenant.scripts.namespace
    api, registry = Api(redis, name), Tenants(redis)
    hook = {"url": "https://acme.example/hook", "events": ["job.*"]}
    await api.http.post("/v1/webhooks", json=hook)
    ids = [(await api.create(callback={"url": f"https://{host}.example"}))["id"] for host in "abc"]
    await run_jobs(tenant)
    assert (await tenant.outbox.counts()).pending == 6
    await tenant.jobs.delete(ids)
    await registry.delete(name)
    await registry.create(name, Policy({"jobs": 10}), "the next tenant")
    assert (await api.http.get("/v1/webhooks")).json()["items"] == []
    await submit(tenant)
    await run_jobs(tenant)
    assert (await tenant.outbox.counts()).pending == 0
    claimed = await tenant.outbox.claim("wk_1", 1_000, 10, 10, {})
    assert (claimed.leased, claimed.next_in_ms) == ([], None)
    await api.close()


async def test_an_interrupted_deletion_can_be_repeated(
    store: Namespace, tenant: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis, name = store.scripts.redis, tenant.scripts.namespace
    key = await authorization(redis, name)
    registry = Tenants(redis)

    async def fail(*_: object) -> bool:
        raise BackendUnavailable()

    with monkeypatch.context() as patch:
        patch.setattr(AccessKeys, "revoke", fail)
        with pytest.raises(BackendUnavailable):
            await registry.delete(name)
    await registry.delete(name)
    guarded = Api(redis, name, auth="required")
    assert (await guarded.http.get("/v1/jobs", headers=key)).status_code == 401
    assert name not in await registry.names()
    with pytest.raises(NotFound):
        await registry.delete(name)
    await guarded.close()
