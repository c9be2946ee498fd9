"""What must hold in a namespace at any time (I5, I14): recounted from the jobs themselves."""

from typing import Any

from service.domain.states import FINISHED, State
from service.store.stores import Stores

ORDERS = {"scheduled": "due", "retrying": "due", "running": "leases", **dict.fromkeys(FINISHED, "retention")}


async def check(stores: Stores) -> None:
    """Every job is in exactly the index that its state names, and every index entry has its job."""
    redis: Any = stores.scripts.redis
    prefix = stores.scripts.prefix
    jobs: dict[str, dict[str, str]] = {}
    members: dict[str, set[str]] = {}
    async for raw in redis.scan_iter(match=prefix.replace("[", "\\[") + "*", count=1000):
        key = raw.decode().removeprefix(prefix)
        if key.startswith("job:") and key.count(":") == 1:
            fields = await redis.hgetall(raw)
            if b"state" not in fields:
                continue  # staged: it does not exist yet
            jobs[key[4:]] = {
                name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()
            }
        elif await redis.type(raw) == b"zset":
            members[key] = {member.decode() for member in await redis.zrange(raw, 0, -1)}
    places: dict[str, list[str]] = {id: [] for id in jobs}
    for key, ids in members.items():
        if key.startswith("queue:") and key.rsplit(":", 1)[1] in set(State):
            queue, state = key[6:].rsplit(":", 1)
            for id in ids:
                assert id in jobs, f"{key} holds {id}, which does not exist"
                assert (jobs[id]["queue"], jobs[id]["state"]) == (queue, state), (
                    f"{id} is {jobs[id]['state']}, in {key}"
                )
                places[id].append(key)
    for id, found in places.items():
        assert len(found) == 1, f"{id} is in {found}"
    for order in ("due", "leases", "retention"):
        expected = {id for id, job in jobs.items() if ORDERS.get(job["state"]) == order}
        assert members.get(order, set()) == expected, order
    lanes = {
        id: key for key, ids in members.items() if key.startswith("queue:") and ":lane:" in key for id in ids
    }
    queued = {id: job for id, job in jobs.items() if job["state"] == "queued"}
    assert set(lanes) == set(queued)
    for id, job in queued.items():
        assert lanes[id] == f"queue:{job['queue']}:lane:{job['name']}:{job.get('limit_key', '')}"
        score = await redis.zscore(prefix + lanes[id], id)
        assert float(job["score"]) == score, f"{id} has lost its place"
    await _check_heads(redis, prefix, members, queued)
    for id, job in jobs.items():
        if "cancel_requested_at" in job and job["state"] == "running":
            assert id in members.get("cancelling", set())
    await _check_groups(redis, prefix, jobs)
    assert members.get("cancelling", set()) <= {id for id, job in jobs.items() if job["state"] == "running"}


async def _check_heads(redis: Any, prefix: str, members: dict[str, set[str]], queued: dict[str, Any]) -> None:
    ready = {name.decode() for name in await redis.smembers(prefix + "ready")}
    assert ready == {job["queue"] for job in queued.values()}
    for queue in ready:
        names = members[f"queue:{queue}:types"]
        assert names == {job["name"] for job in queued.values() if job["queue"] == queue}
        for name in names:
            scores = [
                float(job["score"]) for job in queued.values() if (job["queue"], job["name"]) == (queue, name)
            ]
            assert await redis.zscore(f"{prefix}queue:{queue}:types", name) == min(scores)


async def _check_groups(redis: Any, prefix: str, jobs: dict[str, dict[str, str]]) -> None:
    """A group's counts are those of its jobs; of finished jobs some may be forgotten by now."""
    counted: dict[str, dict[str, int]] = {}
    for job in jobs.values():
        if "group" in job:
            counts = counted.setdefault(job["group"], {})
            counts[job["state"]] = counts.get(job["state"], 0) + 1
    for group, counts in counted.items():
        fields = await redis.hgetall(f"{prefix}group:{group}")
        for state in State if b"state" in fields else ():
            kept, there = int(fields.get(state.encode(), 0)), counts.get(state, 0)
            assert kept >= there if state in FINISHED else kept == there, f"{group} counts {kept} {state}"
