"""triage audit, on a real server."""

import asyncio
import json
from typing import Any

from service.store.audit.audits import no_pause
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.tasks import end
from tests.audit.shop import IDS
from tests.commands.conftest import Triage, run
from workers.maintenance.audit.auditor import Auditor
from workers.maintenance.periodic import repeat
from workers.telemetry.metrics import Metrics


async def test_an_audit_by_a_worker(triage: Triage, store: Namespace) -> None:
    assert (await triage("audit", "--last")).code == 5
    late = await triage("audit", "--wait", "0")
    assert (late.code, "no worker has begun" in late.err) == (5, True)
    auditor = Auditor(store.audits, 0, Terms(), lambda kind: IDS.new(kind), Metrics().audits, no_pause)
    duty = asyncio.create_task(repeat("audit", auditor.audit))
    sound = await triage("audit")
    await end([duty])
    assert (sound.code, "unrepaired   0" in sound.out) == (0, True), sound.err
    assert (await triage("audit", "--last")).out == sound.out


async def test_an_audit_from_here(redis_url: str, store: Namespace) -> None:
    redis: Any = store.scripts.redis
    await redis.hset(f"{store.scripts.prefix}limiters", "fan:fan_gone", "1")
    variables = {"TRIAGE_REDIS_URL": redis_url, "TRIAGE_NAMESPACE": store.scripts.namespace}
    found = await asyncio.to_thread(run, ("audit", "--direct"), variables)
    assert found.code == 1
    assert "reported     dangling_entry limiters fan_gone: the fan-out does not exist\n" in found.out
    await redis.hdel(f"{store.scripts.prefix}limiters", "fan:fan_gone")
    sound = await asyncio.to_thread(run, ("audit", "--direct", "--json"), variables)
    assert (sound.code, json.loads(sound.out)["findings"]) == (0, [])
