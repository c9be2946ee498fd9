"""The last audit over HTTP, and requesting one."""

from typing import Any
from unittest import mock

import pytest

from service.domain.audit import AuditState
from service.store.audit.audits import Audits
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.audit.auditing import audit
from tests.support.factories import submit

pytestmark = pytest.mark.anyio


async def test_the_report_of_the_last_audit(api: Api, store: Namespace) -> None:
    before = (await api.http.get("/v1/audit")).json()
    assert before == {"object": "audit", "running_since": None, "requested_at": None, "report": None}
    id = await submit(store)
    redis: Any = store.scripts.redis
    await redis.zadd(f"{store.scripts.prefix}leases", {id: 5})
    requested = await api.http.post("/v1/audit")
    assert (requested.status_code, requested.json()["requested_at"] is None) == (202, False)
    await audit(store)
    found = (await api.http.get("/v1/audit")).json()
    assert (found["requested_at"], found["running_since"]) == (None, None)
    report = found["report"]
    assert requested.json()["requested_at"] <= report["started_at"] <= report["ended_at"]
    assert (report["jobs"], report["repaired"], report["unrepaired"]) == (1, 1, 0)
    row = {"kind": "extra_entry", "outcome": "repaired"}
    assert report["counts"] == [{**row, "count": 1}]
    (finding,) = report["findings"]
    assert finding.pop("detail").startswith("the job is queued")
    assert finding == {**row, "key": "leases", "resource_id": id}


async def test_a_request_has_its_time_even_if_a_worker_is_quicker(api: Api, store: Namespace) -> None:
    async def begin_at_once(self: Audits) -> AuditState:
        await audit(store)
        return await state(self)

    state = Audits.state
    with mock.patch.object(Audits, "state", begin_at_once):
        requested = (await api.http.post("/v1/audit")).json()
    assert requested["requested_at"] <= requested["report"]["started_at"]


async def test_metrics_say_when_it_was_completed_and_what_is_left(api: Api, store: Namespace) -> None:
    before = (await api.http.get("/metrics")).text
    lines = [line for line in before.splitlines() if line.startswith("triage_audit_")]
    assert lines == ["triage_audit_unrepaired_findings 0.0"]
    redis: Any = store.scripts.redis
    await redis.hset(f"{store.scripts.prefix}limiters", "fan:gone", "1")
    await audit(store)
    lines = (await api.http.get("/metrics")).text.splitlines()
    assert "triage_audit_unrepaired_findings 1.0" in lines
    assert any(line.startswith("triage_audit_completed_timestamp_seconds 1.") for line in lines)
    await redis.hdel(f"{store.scripts.prefix}limiters", "fan:gone")
