"""What a namespace uses of its quotas, recounted from its jobs and groups."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from service.domain.states import FINISHED
from service.domain.tenant import OF_SCRIPTS
from service.store.namespace import Namespace

#: As in lib/stored_bytes.lua.
JOB, GROUP, DEPENDENCY, MEMBER, TAG = 1024, 1024, 256, 128, 128
ITEM = ("traits", "payload", "options", "delay_ms", "due_at", "expires_ms", "deadline_ms", "tags", "callback")
TEXTS = ("payload", "options", "result", "error", "callback")
OF_FLOW = ("name", "contents", "callback")
OF_FAN_OUT = ("callback", *(f"item_{field}" for field in ITEM))


async def set_quotas(store: Namespace, quota: int = 10**12) -> None:
    """So high that nothing is refused, but everything counted."""
    names = [name for name in OF_SCRIPTS if name != "submissions_per_second"]
    limits: list[Any] = [part for name in names for part in (name, quota)]
    await store.scripts.run("put_namespace", [0, "{}", "", *limits])


async def check(redis: Any, prefix: str, jobs: dict[str, dict[str, str]]) -> None:
    """Only for a namespace that has had quotas since before its first job."""
    used = await redis.hgetall(prefix + "quotas")
    if not used:
        return
    live = [job for job in jobs.values() if job["state"] not in FINISHED]
    assert int(used[b"used_jobs"]) == len(live)
    said, there = await _sizes(redis, prefix)
    assert int(used[b"used_bytes"]) == said
    if not await redis.hexists(prefix + "counters", "pruned"):
        assert there == said
    # Groups also count what they keep of deleted jobs. Tasks delete in several calls what they return in one.
    elif not await redis.exists(prefix + "tasks"):
        assert there <= said
    remembered = await redis.hgetall(prefix + "idempotency_usage")
    minutes = [int(value) for name, value in remembered.items() if name.isdigit()]
    assert int(remembered.get(b"total", 0)) == sum(minutes)
    keys = {
        name.decode(): int(count) for name, count in (await redis.hgetall(prefix + "limit_key_jobs")).items()
    }
    assert keys == Counter(f"{job['queue']}|{job['limit_key']}" for job in live if "limit_key" in job)
    await redis.zremrangebyscore(prefix + "unique_names", "-inf", await _now(redis))
    names = {name.decode() for name in await redis.zrange(prefix + "unique_names", 0, -1)}
    held = [key async for key in redis.scan_iter(match=prefix + "unique:*", count=1000)]
    assert names == {key.decode().removeprefix(prefix + "unique:") for key in held}


async def _now(redis: Any) -> int:
    seconds, micros = await redis.time()
    return seconds * 1000 + micros // 1000


async def _sizes(redis: Any, prefix: str) -> tuple[int, int]:
    """What the records say, and what is really there, except what is kept of deleted jobs."""
    said = there = 0
    async for key in redis.scan_iter(match=prefix + "*", count=1000):
        kind, _, rest = key.decode().removeprefix(prefix).partition(":")
        name, _, part = rest.partition(":")
        if kind == "payload":
            size = len(await redis.hget(key, "json") or b"")
        elif kind == "job" and not part:
            fields = await redis.hgetall(key)
            tags = len([tag for tag in fields.get(b"tags", b"").split(b"\0") if tag])
            size = JOB + TAG * tags + _texts(fields, (*TEXTS, "tags"))
            said += int(fields.get(b"further_bytes", 0))
        elif kind == "job" and part == "dependencies" and await redis.exists(f"{prefix}job:{name}"):
            size = DEPENDENCY * await redis.hlen(key)
        else:
            if kind == "group" and not part:
                said += int(await redis.hget(key, "further_bytes") or 0)
            there += await _further(redis, key, kind, name, part)
            continue
        said, there = said + size, there + size
    return said, there


async def _further(redis: Any, key: bytes, kind: str, name: str, part: str) -> int:
    match kind, part:
        case "job", "attempts" | "logs":
            return sum(map(len, await redis.lrange(key, 0, -1)))
        case "group", "":
            counted = OF_FLOW if name.startswith("flow_") else OF_FAN_OUT
            return GROUP + _texts(await redis.hgetall(key), counted)
        case "group", "jobs":
            return sum(MEMBER + len(member) for member in await redis.hkeys(key))
        case "group", "items":
            return await redis.strlen(key)
        case _:
            return 0


def _texts(fields: dict[bytes, bytes], names: Sequence[str]) -> int:
    return sum(len(value) for name, value in fields.items() if name.decode().split(".")[0] in names)
