"""Requests before a process has read a namespace's rules, defaults and schemas once."""

import pytest

from service.domain.errors import BackendUnavailable
from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants
from service.store.workers import WorkerRegistry
from tests.api.client import Api, problem
from tests.support.factories import submit


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Redis responds to everything but the first read of the job types."""

    async def fail(_: WorkerRegistry) -> None:
        raise BackendUnavailable()

    monkeypatch.setattr(WorkerRegistry, "published_types", fail)
    return monkeypatch


async def test_no_response_ignores_rules_that_were_not_read(
    api: Api, store: Namespace, unread: pytest.MonkeyPatch
) -> None:
    await Tenants(store.scripts.redis).create(store.scripts.namespace, Policy(redact=("/card",)), "")
    id = await submit(store, payload=b'{"card":"4111-1111"}', redact=("/pin",))
    response = await api.http.get(f"/v1/jobs/{id}")
    assert "4111" not in response.text
    problem(response, 503, "backend_unavailable")
    unread.undo()
    shown = (await api.http.get(f"/v1/jobs/{id}")).json()
    assert shown["payload"] == {"card": "[redacted]"}


async def test_no_submission_ignores_defaults_that_were_not_read(
    api: Api, store: Namespace, unread: pytest.MonkeyPatch
) -> None:
    await store.queues.configure("default", {"defaults": {"durability": "replicated"}})
    problem(await api.http.post("/v1/jobs", json={"name": "work"}), 503, "backend_unavailable")
    unread.undo()
    problem(await api.http.post("/v1/jobs", json={"name": "work"}), 503, "not_replicated")
