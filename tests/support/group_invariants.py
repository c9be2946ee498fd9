"""Invariants of flows and fan-outs: their counts, their indexes, and what their jobs wait for."""

from collections import Counter
from typing import Any

from service.domain.states import FINISHED, State

Jobs = dict[str, dict[str, str]]


async def check(redis: Any, prefix: str, jobs: Jobs, members: dict[str, set[str]]) -> None:
    """Recount everything from the jobs; `members` has every sorted set by its key."""
    groups = await _groups(redis, prefix)
    _check_counts(groups, jobs)
    for kind in ("flow", "fan"):
        expected = {id for id in groups if id.startswith(f"{kind}_")}
        assert members.get(f"groups:{kind}", set()) == expected, kind
    assert members.get("staged", set()).isdisjoint(groups), "a staged group never expires"
    ended = {id for id, group in groups.items() if group["state"] not in ("open", "running")}
    assert members.get("group_retention", set()) == ended
    assert {id for id, group in groups.items() if "finished_at" in group} == ended
    assert members.get("open_fan_outs", set()) == {
        id for id, group in groups.items() if group["state"] == "open"
    }
    limiters = {name.decode() for name in await redis.hkeys(f"{prefix}limiters")}
    limited = {f"fan:{id}" for id, group in groups.items() if "max_concurrency" in group}
    assert limited <= limiters
    await _check_waits(redis, prefix, jobs, groups, members.get("tasks", set()))
    await _check_payloads(redis, prefix, jobs)


async def _groups(redis: Any, prefix: str) -> Jobs:
    """The visible groups: neither staged nor being removed."""
    found: Jobs = {}
    async for raw in redis.scan_iter(match=f"{prefix}group:*", count=1000):
        key = raw.decode().removeprefix(prefix)
        if key.count(":") == 1 and await redis.type(raw) == b"hash":
            fields = await redis.hgetall(raw)
            if b"state" in fields:
                found[key[6:]] = {name.decode(): value.decode() for name, value in fields.items()}
    return found


def _check_counts(groups: Jobs, jobs: Jobs) -> None:
    """Some finished jobs may have been forgotten."""
    counted: dict[str, Counter[str]] = {id: Counter() for id in groups}
    for job in jobs.values():
        if job.get("group") in groups:
            counted[job["group"]][job["state"]] += 1
            counted[job["group"]]["requested"] += job.get("state_reason") == "requested"
    for id, group in groups.items():
        kept = {state: int(group.get(state, 0)) for state in State}
        for state in State:
            there = counted[id][state]
            assert kept[state] >= there if state in FINISHED else kept[state] == there, (
                f"{id} counts {kept[state]} {state}"
            )
        assert int(group.get("requested", 0)) >= counted[id]["requested"], f"{id} has lost a request"
        staged, admitted = (int(group.get(field, 0)) for field in ("staged", "admitted"))
        assert sum(kept.values()) == int(group["total"]) - staged + admitted, (
            f"the counts of {id} do not add up to its total"
        )
        over = "sealed" in group and sum(kept[state] for state in FINISHED) == int(group["total"])
        assert (group["state"] not in ("open", "running")) == over or "retry_pending" in group, (
            f"{id} has not ended"
        )


async def _check_waits(redis: Any, prefix: str, jobs: Jobs, groups: Jobs, tasks: set[str]) -> None:
    """A blocked job waits for unfinished jobs, or for one whose dependents are about to be notified."""
    followers = {
        await redis.get(raw) async for raw in redis.scan_iter(match=f"{prefix}follower:*", count=1000)
    }
    told = {task.removeprefix("notify ") for task in tasks}
    for id, job in jobs.items():
        if job["state"] != "blocked" or id.encode() in followers:
            continue
        waits = {other.decode() for other in await redis.smembers(f"{prefix}job:{id}:waits")}
        assert waits, f"{id} is blocked, but has no dependency"
        for other in waits - told:
            state = (jobs.get(other) or groups.get(other) or {}).get("state")
            assert state is not None, f"{id} waits for {other}, which does not exist"
            assert state not in (*FINISHED, "failed"), f"{id} waits for {other}, which has ended"


async def _check_payloads(redis: Any, prefix: str, jobs: Jobs) -> None:
    """The payload that items share exists exactly as long as one of them does."""
    expected = Counter(job["group"] for job in jobs.values() if "shared" in job)
    counted: dict[str, int] = {}
    async for raw in redis.scan_iter(match=f"{prefix}payload:*", count=1000):
        group = raw.decode().removeprefix(f"{prefix}payload:")
        counted[group] = int(await redis.hget(raw, "jobs"))
    assert counted == expected
