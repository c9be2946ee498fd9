"""Invariants of a namespace, recounted from its jobs."""

from collections import Counter
from typing import Any

from service.domain.states import FINISHED, State
from service.store.codec.traits import decode_traits
from service.store.namespace import Namespace
from tests.support import group_invariants, quota_invariants, webhook_invariants

ORDERS = {"scheduled": "due", "retrying": "due", "running": "leases", **dict.fromkeys(FINISHED, "retention")}


def whole(fields: dict[bytes, bytes]) -> dict[str, str]:
    """A record with one field for each of its traits."""
    job = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    traits = decode_traits(fields[b"traits"])._asdict()
    return job | {name: str(value) for name, value in traits.items() if value is not None}


async def check(store: Namespace) -> None:
    """Every job is in exactly the index that its state names, and every index entry has its job."""
    redis: Any = store.scripts.redis
    prefix = store.scripts.prefix
    jobs: dict[str, dict[str, str]] = {}
    members: dict[str, set[str]] = {}
    async for raw in redis.scan_iter(match=prefix.replace("[", "\\[") + "*", count=1000):
        key = raw.decode().removeprefix(prefix)
        if key.startswith("job:") and key.count(":") == 1:
            fields = await redis.hgetall(raw)
            if b"state" not in fields:
                continue  # A staged job does not exist yet.
            jobs[key[4:]] = whole(fields)
        elif await redis.type(raw) == b"zset":
            members[key] = {member.decode() for member in await redis.zrange(raw, 0, -1)}
    places: dict[str, list[str]] = {id: [] for id in jobs}
    for key, ids in members.items():
        queue, _, state = key.removeprefix("queue:").partition("|")
        if key.startswith("queue:") and state in set(State):
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
    for queue in {job["queue"] for job in jobs.values()}:
        due = {id for id, job in jobs.items() if (job["queue"], ORDERS.get(job["state"])) == (queue, "due")}
        assert members.get(f"queue:{queue}|due", set()) == due, queue
    lanes = {
        id: key for key, ids in members.items() if key.startswith("queue:") and "|lane:" in key for id in ids
    }
    queued = {id: job for id, job in jobs.items() if job["state"] == "queued"}
    assert set(lanes) == set(queued)
    fans = {name.decode() for name in await redis.hkeys(prefix + "limiters")}
    for job in jobs.values():
        fan = f"fan:{job.get('group')}"
        job["lane"] = job.get("limit_key", "") + (f"|{fan[4:]}" if fan in fans else "")
    for id, job in queued.items():
        assert lanes[id] == f"queue:{job['queue']}|lane:{job['name']}|{job['lane']}"
        place = await redis.zscore(prefix + lanes[id], id)
        went_back = int(job.get("queued_at") or job["created_at"]) < int(job.get("started_at", -1))
        assert not went_back or float(job["score"]) == place, f"{id} has lost its place"
        job["score"] = str(place)
    await _check_heads(redis, prefix, members, list(queued.values()))
    # Only lanes with jobs and whole queues (`queue|`) remember when they last started a job.
    for field in await redis.hkeys(prefix + "served"):
        queue, name, *lane = field.decode().split("|", 2)
        assert not lane or f"queue:{queue}|lane:{name}|{lane[0]}" in members, f"{field} is an empty lane"
    await _check_slots(redis, prefix, [job for job in jobs.values() if job["state"] == "running"])
    await _check_dead(redis, prefix, jobs)
    await _check_dead_groups(redis, prefix, jobs, members)
    for id, job in jobs.items():
        if "cancel_requested_at" in job and job["state"] == "running":
            assert id in members.get("cancelling", set())
    await group_invariants.check(redis, prefix, jobs, members)
    await webhook_invariants.check(redis, prefix, members)
    await _check_searches(redis, prefix, jobs, members)
    await _check_keys(redis, prefix, jobs)
    await _check_schedules(redis, prefix)
    await quota_invariants.check(redis, prefix, jobs)
    assert members.get("cancelling", set()) <= {id for id, job in jobs.items() if job["state"] == "running"}


async def _check_dead(redis: Any, prefix: str, jobs: dict[str, dict[str, str]]) -> None:
    counted = {field.decode(): int(count) for field, count in (await redis.hgetall(prefix + "dead")).items()}
    dead = Counter(f"{job['state_reason']}:{job['queue']}" for job in jobs.values() if job["state"] == "dead")
    assert {field: count for field, count in counted.items() if count} == dead


async def _check_dead_groups(
    redis: Any, prefix: str, jobs: dict[str, dict[str, str]], members: dict[str, set[str]]
) -> None:
    """Every dead job, and no other, is in the group that it names; groups without jobs do not exist."""
    expected: dict[str, set[str]] = {}
    for id, job in jobs.items():
        assert ("fingerprint" in job) == (job["state"] == "dead"), f"{id} is {job['state']}"
        if job["state"] == "dead":
            expected.setdefault(job["fingerprint"], set()).add(id)
    assert members.get("dead_groups", set()) == set(expected)
    assert {key: ids for key, ids in members.items() if key.startswith("dead_group:")} == {
        f"dead_group:{name}:jobs": ids for name, ids in expected.items()
    }
    for name in expected:
        assert await redis.hget(f"{prefix}dead_group:{name}", "first_seen") is not None


def _limiters(job: dict[str, str]) -> list[str]:
    ids = [f"queue:{job['queue']}"]
    if "limit_key" in job:
        ids.append(f"key:{job['queue']}|{job['limit_key']}")
    return ids + ([f"fan:{job['group']}"] if "|" in job["lane"] else [])


async def _check_heads(
    redis: Any, prefix: str, members: dict[str, set[str]], queued: list[dict[str, str]]
) -> None:
    """Lanes that may start a job are in the line of their type; the others belong to a closed limiter."""
    closed_limiters = members.get("closed_limiters", set())
    shown_in: dict[str, set[str]] = {}
    for index, keyed in (("types", False), ("keyed", True)):
        mine = [job for job in queued if bool(job["lane"]) == keyed]
        hidden: set[tuple[str, str, str]] = set()
        for limiter in closed_limiters:
            for ref in await redis.smembers(f"{prefix}closed_lanes:{limiter}"):
                queue, name, lane = ref.decode().split("|", 2)
                hidden.add((queue, name, lane))
                order, member = (f"lanes:{name}", lane) if lane else ("types", name)
                assert member not in members.get(f"queue:{queue}|{order}", set()), (
                    f"{ref} is both open and closed"
                )
        shown = [job for job in mine if (job["queue"], job["name"], job["lane"]) not in hidden]
        queues = {job["queue"] for job in shown}
        for job in shown:
            shown_in.setdefault(job["name"], set()).add(job["queue"])
        for key in [key for key in members if key.endswith(f"|{index}") and key.startswith("queue:")]:
            assert key[6:].removesuffix(f"|{index}") in queues, f"{key} is empty"
        for queue in queues:
            scores: dict[str, float] = {}
            for job in [job for job in shown if job["queue"] == queue]:
                score = float(job["score"])
                if keyed:
                    rank = await redis.zscore(f"{prefix}queue:{queue}|lanes:{job['name']}", job["lane"])
                    assert rank is not None, f"the lane {job['lane']} is neither open nor closed"
                    score = rank
                scores[job["name"]] = min(score, scores.get(job["name"], score))
            found = await redis.zrange(f"{prefix}queue:{queue}|{index}", 0, -1, withscores=True)
            assert {name.decode(): score for name, score in found} == scores
    await _check_lines(redis, prefix, members, shown_in)


async def _check_lines(
    redis: Any, prefix: str, members: dict[str, set[str]], shown_in: dict[str, set[str]]
) -> None:
    """A queue with jobs of a type leaves the line of that type only while a limit holds it back."""
    lines = {key.removeprefix("ready:"): found for key, found in members.items() if key.startswith("ready:")}
    counted = await redis.zrange(f"{prefix}ready", 0, -1, withscores=True)
    assert {name.decode(): count for name, count in counted} == {
        name: len(queues) for name, queues in lines.items()
    }
    for name, queues in lines.items():
        assert queues <= shown_in.get(name, set()), f"nothing of {name} is open in {queues}"
    for name, queues in shown_in.items():
        for queue in queues - lines.get(name, set()):
            assert await redis.sismember(f"{prefix}queue:{queue}|closed", name), f"{name} of {queue} is lost"
            paused, types = await redis.hmget(f"{prefix}queue:{queue}", "paused", "paused_types")
            held = paused == b"1" or f" {name} " in (types or b"").decode()
            held = held or f"queue:{queue}" in members.get("closed_limiters", set())
            assert held, f"{name} of {queue} waits for nothing"


async def _check_slots(redis: Any, prefix: str, running: list[dict[str, str]]) -> None:
    expected: dict[str, int] = {}
    for job in running:
        for limiter in _limiters(job)[1:]:
            expected[limiter] = expected.get(limiter, 0) + 1
    busy = await redis.hgetall(prefix + "busy")
    assert {limiter.decode(): int(count) for limiter, count in busy.items()} == expected


async def _check_keys(redis: Any, prefix: str, jobs: dict[str, dict[str, str]]) -> None:
    """The holder of a unique key that lasts as long as its job is unfinished; a job behind it is blocked."""
    async for raw in redis.scan_iter(match=f"{prefix}unique:*", count=1000):
        if await redis.pttl(raw) == -1:
            id = (await redis.get(raw)).decode()
            assert jobs[id]["state"] not in FINISHED, f"{id} holds {raw}"
    async for raw in redis.scan_iter(match=f"{prefix}idempotency:*", count=1000):
        assert await redis.pttl(raw) > 0, f"{raw} never expires"
    async for raw in redis.scan_iter(match=f"{prefix}follower:*", count=1000):
        id = (await redis.get(raw)).decode()
        assert jobs[id]["state"] == "blocked", f"{id} waits in {raw}"
        assert await redis.exists(raw.replace(b"}:follower:", b"}:unique:"))


async def _check_schedules(redis: Any, prefix: str) -> None:
    for name, fire_at in await redis.zrange(f"{prefix}fire_times", 0, -1, withscores=True):
        assert int(await redis.hget(f"{prefix}schedule:{name.decode()}", "fire_at")) == fire_at


async def _check_names(redis: Any, prefix: str, unused: set[str]) -> None:
    """A queue without jobs has settings, or had them."""
    for queue in unused:
        hash, keys = f"{prefix}queue:{queue}", f"{prefix}queue:{queue}|keys"
        assert await redis.exists(hash, keys), f"the queue {queue} was not forgotten"


async def _check_searches(
    redis: Any, prefix: str, jobs: dict[str, dict[str, str]], members: dict[str, set[str]]
) -> None:
    """Jobs are indexed by queue and tags, and those with a time limit are watched until they finish."""
    used = members.get("queues", set())
    assert {job["queue"] for job in jobs.values()} <= used
    await _check_names(redis, prefix, used - {job["queue"] for job in jobs.values()})
    tagged: dict[str, set[str]] = {}
    for id, job in jobs.items():
        for tag in job.get("tags", "").split("\0"):
            tagged.setdefault(f"tag:{tag}", set()).add(id)
    tagged.pop("tag:", None)
    assert {key: ids for key, ids in members.items() if key.startswith("tag:")} == tagged
    limited = {id for id, job in jobs.items() if "expiry" in job and job["state"] not in FINISHED}
    expiry = members.get("expiry", set())
    assert {id for id in limited if "started_at" not in jobs[id]} <= expiry <= limited
