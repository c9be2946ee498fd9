"""API keys and namespaces, against the API."""

from datetime import UTC, datetime, timedelta

import pytest

import triage_client
from service.store.namespace import Namespace
from triage_client import AsyncTriage


async def test_a_key_is_created_rotated_and_revoked(triage: AsyncTriage) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    key = await triage.create_api_key(
        "mailer", ["jobs:write", "jobs:read"], queues=["mail"], expires_at=until
    )
    assert (key.name, key.scopes, key.data["queues"]) == ("mailer", ["jobs:read", "jobs:write"], ["mail"])
    first = key.secret
    second = await key.rotate(overlap_seconds=60)
    assert key.secret == second != first
    read = await triage.get_api_key(key.id)
    assert (read.secret, read.data["previous_expires_at"] is None) == (None, False)
    one = await triage.create_api_key("reader", "jobs:read")
    assert {row.id async for row in triage.api_keys()} == {key.id, one.id}
    assert len([row async for row in triage.api_keys(limit=1)]) == 1
    await key.revoke()
    await one.revoke()
    with pytest.raises(triage_client.NotFound):
        await triage.api_key(key.id).refresh()


async def test_a_namespace_has_quotas(triage: AsyncTriage, store: Namespace) -> None:
    name = f"{store.scripts.namespace}-tenant"
    tenant = await triage.create_namespace(name, quotas={"jobs": 10}, description="a tenant")
    assert (tenant.name, tenant.quotas["jobs"], tenant.data["description"]) == (name, 10, "a tenant")
    with pytest.raises(triage_client.NamespaceExists):
        await triage.create_namespace(name)
    await tenant.update(quotas={"jobs": None}, if_match=tenant.data["version"])
    assert tenant.quotas["jobs"] is None
    read = await triage.get_namespace(name)
    assert read.usage is not None
    assert read.usage["jobs"] == 0
    assert name in {row.name async for row in triage.namespaces()}
    await tenant.delete()
    with pytest.raises(triage_client.NotFound):
        await triage.namespace(name).delete()
