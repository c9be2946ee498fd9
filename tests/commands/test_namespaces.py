"""triage keys and triage namespaces, on a real server."""

import asyncio
import json

from service.store.namespace import Namespace
from tests.commands.conftest import Ended, run
from tests.support.factories import submit


async def triage(redis_url: str, *arguments: str) -> Ended:
    return await asyncio.to_thread(run, arguments, {"TRIAGE_REDIS_URL": redis_url})


async def test_a_namespace_from_its_creation_to_its_end(redis_url: str, store: Namespace) -> None:
    name = f"{store.scripts.namespace}-acme"
    made = await triage(redis_url, "namespaces", "create", name, "--quota", "jobs=5", "--quota", "waits=none")
    assert made.code == 0, made.err
    assert "5" in made.out
    again = await triage(redis_url, "namespaces", "create", name)
    assert (again.code, "exists" in again.err) == (1, True)
    await submit(Namespace(store.scripts.redis, name, 1_000))
    shown = json.loads((await triage(redis_url, "namespaces", "describe", name, "--json")).out)
    assert (shown["quotas"]["jobs"], shown["quotas"]["waits"], shown["usage"]["jobs"]) == (5, None, 1)
    changed = await triage(redis_url, "namespaces", "set", name, "--quota", "jobs=6", "--json")
    assert json.loads(changed.out)["quotas"]["jobs"] == 6
    assert "1 of 6" in (await triage(redis_url, "namespaces", "list")).out
    kept = await triage(redis_url, "namespaces", "delete", name)
    assert (kept.code, "still has jobs" in kept.err) == (1, True)
    unknown = await triage(redis_url, "namespaces", "describe", "never-seen")
    assert (unknown.code, "unknown namespace" in unknown.err) == (1, True)


async def test_a_quota_is_read_strictly(redis_url: str) -> None:
    for text in ("jbos=5", "jobs=-1", "jobs", "jobs=many", f"jobs={10**13}"):
        refused = await triage(redis_url, "namespaces", "create", "acme", "--quota", text)
        assert (refused.code, "quota" in refused.err) == (2, True), text


async def test_a_key_is_created_rotated_and_revoked(redis_url: str, store: Namespace) -> None:
    namespace = store.scripts.namespace
    options = ("--namespace", namespace, "--scopes", "jobs:read", "--queues", "a,b", "--expires-days", "1")
    created = json.loads((await triage(redis_url, "keys", "create", "shop", *options, "--json")).out)
    assert created["queues"] == ["a", "b"]
    rotated = json.loads((await triage(redis_url, "keys", "rotate", created["id"], "--json")).out)
    assert (rotated["id"], rotated["key"] == created["key"]) == (created["id"], False)
    listed = json.loads((await triage(redis_url, "keys", "list", "--namespace", namespace, "--json")).out)
    assert [row["id"] for row in listed] == [created["id"]]
    assert (await triage(redis_url, "keys", "revoke", created["id"])).code == 0
    gone = await triage(redis_url, "keys", "revoke", created["id"])
    assert (gone.code, "unknown key" in gone.err) == (1, True)
