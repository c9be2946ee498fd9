"""What a namespace uses of its quotas, recounted from its jobs and groups."""

from collections import Counter
from typing import Any

from service.domain.states import FINISHED
from service.store.namespace import Namespace

#: As in lib/texts.lua.
JOB_BYTES = 1024
TEXTS = ("payload", "options", "result", "error")


async def set_quotas(store: Namespace, quota: int = 10**12) -> None:
    """So high that nothing is refused, but everything counted."""
    names = ("jobs", "stored_bytes", "queues", "limit_keys", "unique_keys", "schedules")
    limits: list[Any] = [part for name in names for part in (name, quota)]
    await store.scripts.run("put_namespace", [0, "{}", "", *limits])


async def check(redis: Any, prefix: str, jobs: dict[str, dict[str, str]]) -> None:
    """Only for a namespace that has had quotas since before its first job."""
    used = await redis.hgetall(prefix + "quotas")
    if not used:
        return
    live = [job for job in jobs.values() if job["state"] not in FINISHED]
    assert int(used[b"used_jobs"]) == len(live)
    assert int(used[b"used_bytes"]) == await _stored(redis, prefix)
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


async def _stored(redis: Any, prefix: str) -> int:
    total = 0
    async for key in redis.scan_iter(match=prefix + "*", count=1000):
        kind, _, rest = key.decode().removeprefix(prefix).partition(":")
        if kind == "job" and ":" not in rest:
            fields = await redis.hgetall(key)
            texts = [
                value for name, value in fields.items() if name.decode().split(".")[0] in (*TEXTS, "tags")
            ]
            total += JOB_BYTES + sum(map(len, texts))
        elif kind == "group" and ":" not in rest:
            total += len(await redis.hget(key, "item_payload") or b"")
        elif kind == "payload":
            total += len(await redis.hget(key, "json") or b"")
    return total
