"""triage keys and triage namespaces, on a real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

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
    for text in ("jbos=5", "jobs=-1", "jobs", "jobs=many", f"jobs={10**13}", "requests_per_second=0"):
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


async def test_a_file_is_applied_again_and_again(redis_url: str, store: Namespace, tmp_path: Path) -> None:
    first, second = (f"{store.scripts.namespace}-{letter}" for letter in "ab")
    file = tmp_path / "namespaces.yaml"

    async def apply(text: str, *options: str) -> list[str]:
        file.write_text(text)
        ended = await triage(redis_url, "namespaces", "apply", str(file), *options)
        assert (ended.code, ended.err) == (0, "")
        return ended.out.splitlines()

    async def shown(name: str) -> dict[str, Any]:
        return json.loads((await triage(redis_url, "namespaces", "describe", name, "--json")).out)

    quotas = "quotas: {jobs: 5, streams: none}"
    text = f"{first}: {{{quotas}, retention_seconds: 60, redact: [/card]}}\n{second}:\n"
    assert await apply(text, "--dry-run") == [f"{first} would be created", f"{second} would be created"]
    assert (await triage(redis_url, "namespaces", "describe", first)).code == 1
    assert await apply(text) == [f"{first} created", f"{second} created"]
    found = await shown(first)
    assert (found["quotas"]["jobs"], found["quotas"]["streams"], found["quotas"]["queues"]) == (5, None, 100)
    assert (found["retention_seconds"], found["redact"]) == (60, ["/card"])
    assert await apply(text) == [f"{first} unchanged", f"{second} unchanged"]
    # What the file no longer names has its default again.
    differences = "jobs 5 -> 100,000, streams none -> 7, retention_seconds 60 -> none, redact /card -> none"
    assert await apply(f"{first}: {{quotas: {{streams: 7}}}}") == [f"{first} changed: {differences}"]
    assert (await shown(second))["quotas"]["jobs"] == 100_000


async def test_a_file_is_read_strictly(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "namespaces.yaml"
    for text, says in (
        ("acme: {quotas: {jbos: 5}}", "acme.quotas.jbos: unknown; did you mean 'jobs'?"),
        ("acme: {quota: {}}", "acme.quota: unknown; did you mean 'quotas'?"),
        ("acme: {quotas: {jobs: -1}}", "acme.quotas.jobs: must be at least 0"),
        ("acme: {quotas: {jobs: many}}", "acme.quotas.jobs: must be a whole number"),
        ("acme: 5", "acme: must be an object"),
        ("a b: {}", "a b: not a namespace"),
        ("acme: {name: other}", "acme.name: unknown"),
        ("[acme]", "must have a namespace or more"),
        ("acme: {", "not YAML"),
    ):
        file.write_text(text)
        refused = await triage(redis_url, "namespaces", "apply", str(file))
        assert (refused.code, says in refused.err, refused.err.count("\n")) == (78, True, 1), refused.err


async def test_retention_and_redaction_are_set_and_removed(redis_url: str, store: Namespace) -> None:
    name = f"{store.scripts.namespace}-acme"
    options = ("--retention-seconds", "60", "--redact", "/card", "--redact", "/items/*/iban")
    made = await triage(redis_url, "namespaces", "create", name, *options)
    assert made.out.endswith("Retention: 60 s\nRedacted: /card /items/*/iban\n")
    kept = json.loads((await triage(redis_url, "namespaces", "set", name, "--quota", "jobs=1", "--json")).out)
    assert (kept["retention_seconds"], kept["redact"]) == (60, ["/card", "/items/*/iban"])
    options = ("--retention-seconds", "none", "--redact", "none", "--json")
    removed = json.loads((await triage(redis_url, "namespaces", "set", name, *options)).out)
    assert (removed["retention_seconds"], removed["redact"], removed["quotas"]["jobs"]) == (None, [], 1)
    for option, value in (("--retention-seconds", "-1"), ("--retention-seconds", "x"), ("--redact", "card")):
        refused = await triage(redis_url, "namespaces", "set", name, option, value)
        assert (refused.code, option in refused.err) == (2, True)
