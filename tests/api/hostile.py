"""What a tenant can do to its neighbours: a table of attacks on a shared installation.

Each attack is one round. It returns the codes of the refusals that it got. As a program, this repeats one:
`python -m tests.api.hostile NAME URL SECONDS`, with the headers as JSON in its standard input.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import orjson

TEN_YEARS = 315_360_000
#: Quotas of the attacker: small, so that one round reaches them.
QUOTAS: Mapping[str, int | None] = {
    "jobs": 300,
    "stored_bytes": 2_000_000,
    "queues": 5,
    "limit_keys": 5,
    "unique_keys": 5,
    "schedules": 5,
    "idempotency_bytes": 50_000,
    "bulk_actions": 5,
    "submissions_per_second": None,
    "requests_per_second": 10_000,
    "waits": 3,
    "streams": 2,
}
LARGE = {"x": "y" * 60_000}
LATE = {"name": "work", "delay_seconds": TEN_YEARS}
Attack = Callable[[httpx.AsyncClient], Awaitable["Counter[str]"]]


def _codes(response: httpx.Response) -> "Counter[str]":
    """The codes of a refused request, or of the refused jobs of a bulk request; with the name of a quota."""
    document: Any = response.json() if response.content else {}
    if not isinstance(document, dict):
        return Counter()
    problems = [row["problem"] for row in document.get("results", []) if row["problem"]]
    problems += [document] if response.status_code >= 400 else []
    return Counter(f"{row['code']} {row.get('quota', '')}".strip() for row in problems)


async def _bulk(http: httpx.AsyncClient, jobs: list[dict[str, Any]]) -> "Counter[str]":
    return _codes(await http.post("/v1/jobs/bulk", json={"jobs": jobs}))


async def late_jobs(http: httpx.AsyncClient) -> "Counter[str]":
    return await _bulk(http, [LATE] * 1_000)


async def large_payloads(http: httpx.AsyncClient) -> "Counter[str]":
    return await _bulk(http, [{**LATE, "payload": LARGE}] * 100)


async def large_template(http: httpx.AsyncClient) -> "Counter[str]":
    body = {"template": {**LATE, "payload": LARGE}, "items": [{}] * 3_000}
    return _codes(await http.post("/v1/fan-outs", json=body))


async def names_of_queues(http: httpx.AsyncClient) -> "Counter[str]":
    return await _bulk(http, [{"name": "work", "queue": f"q{number}"} for number in range(1_000)])


async def limit_keys(http: httpx.AsyncClient) -> "Counter[str]":
    return await _bulk(http, [{**LATE, "limit_key": f"k{number}"} for number in range(1_000)])


async def unique_keys(http: httpx.AsyncClient) -> "Counter[str]":
    """Keys that outlive their jobs."""
    jobs = [{**LATE, "unique": {"key": f"k{number}", "until": 31_536_000}} for number in range(1_000)]
    return await _bulk(http, jobs)


async def wide_flow(http: httpx.AsyncClient) -> "Counter[str]":
    jobs = {f"j{number}": {"job": LATE} for number in range(2_000)}
    return _codes(await http.post("/v1/flows", json={"name": "wide", "jobs": jobs}))


async def many_dependencies(http: httpx.AsyncClient) -> "Counter[str]":
    """Each job of the second half waits for all of the first."""
    first = [f"a{number}" for number in range(140)]
    jobs: dict[str, Any] = {key: {"job": LATE} for key in first}
    jobs |= {f"b{number}": {"job": LATE, "depends_on": first} for number in range(140)}
    return _codes(await http.post("/v1/flows", json={"name": "dense", "jobs": jobs}))


async def high_indexes(http: httpx.AsyncClient) -> "Counter[str]":
    """A fan-out notes each index that it has accepted in a bitmap."""
    found: Counter[str] = Counter()
    for _ in range(20):
        created = await http.post("/v1/fan-outs", json={"template": LATE, "sealed": False})
        found += _codes(created)
        if created.status_code == 202:
            path = f"/v1/fan-outs/{created.json()['id']}/items"
            found += _codes(await http.post(path, json={"start_index": 999_999, "items": [{}]}))
    return found


async def keys_of_requests(http: httpx.AsyncClient) -> "Counter[str]":
    """Keys that outlive their jobs."""
    keys = [{"Idempotency-Key": f"k{number}"} for number in range(250)]
    sent = [http.post("/v1/jobs", json=LATE, headers=key) for key in keys]
    return sum(map(_codes, await asyncio.gather(*sent)), Counter())


async def bulk_actions(http: httpx.AsyncClient) -> "Counter[str]":
    body = {"action": "cancel", "filter": {"queue": "none"}}
    sent = [http.post("/v1/bulk-actions", json=body) for _ in range(20)]
    return sum(map(_codes, await asyncio.gather(*sent)), Counter())


async def schedules(http: httpx.AsyncClient) -> "Counter[str]":
    body = {"every_seconds": 1, "job": {"name": "work", "payload": LARGE}}
    found: Counter[str] = Counter()
    for number in range(10):
        found += _codes(await http.put(f"/v1/schedules/s{number}", json=body))
    return found


async def waits(http: httpx.AsyncClient) -> "Counter[str]":
    job = await http.post("/v1/jobs", json=LATE)
    if job.status_code != 202:
        return _codes(job)
    path = f"/v1/jobs/{job.json()['id']}?wait=0.3"
    return sum(map(_codes, await asyncio.gather(*(http.get(path) for _ in range(20)))), Counter())


async def large_lists(http: httpx.AsyncClient) -> "Counter[str]":
    found = await large_payloads(http)
    pages = await asyncio.gather(*(http.get("/v1/jobs?limit=200") for _ in range(8)))
    assert max(len(page.content) for page in pages) < 9_000_000
    return sum(map(_codes, pages), found)


async def hard_schema(http: httpx.AsyncClient) -> "Counter[str]":
    """The job type `hard` of the attacker's workers has a schema that is expensive to check."""
    body = {"name": "hard", "payload": {"a": [{f"k{number}": "x"} for number in range(3_000)]}}
    found: Counter[str] = Counter()
    # A busy server may not have read the schema at the first request.
    for _ in range(20):
        found += _codes(await http.post("/v1/jobs", json=body))
        if found:
            break
    return found


async def large_bodies(http: httpx.AsyncClient) -> "Counter[str]":
    body = b'{"jobs":[' + b"[]," * 3_000_000 + b"[]]}"
    headers = {"Content-Type": "application/json"}
    sent = [http.post("/v1/jobs/bulk", content=body, headers=headers) for _ in range(5)]
    return sum(map(_codes, await asyncio.gather(*sent)), Counter())


#: Each attack, and a refusal that it must meet; None where it is only bounded.
ATTACKS: Mapping[str, tuple[Attack, str | None]] = {
    "late jobs": (late_jobs, "quota_exceeded jobs"),
    "large payloads": (large_payloads, "quota_exceeded stored_bytes"),
    "a large template": (large_template, "quota_exceeded jobs"),
    "names of queues": (names_of_queues, "quota_exceeded queues"),
    "limit keys": (limit_keys, "quota_exceeded limit_keys"),
    "unique keys": (unique_keys, "quota_exceeded unique_keys"),
    "a wide flow": (wide_flow, "quota_exceeded jobs"),
    "many dependencies": (many_dependencies, "quota_exceeded stored_bytes"),
    "high indexes": (high_indexes, "quota_exceeded stored_bytes"),
    "keys of requests": (keys_of_requests, "quota_exceeded idempotency_bytes"),
    "bulk actions": (bulk_actions, "quota_exceeded bulk_actions"),
    "schedules": (schedules, "quota_exceeded schedules"),
    "waits": (waits, "quota_exceeded waits"),
    "large lists": (large_lists, "quota_exceeded stored_bytes"),
    "a hard schema": (hard_schema, "payload_invalid"),
    "large bodies": (large_bodies, None),
}
#: The schema of the type `hard`.
HARD = {"type": "object", "anyOf": [{"type": "string"}] * 400}


async def repeat(name: str, url: str, headers: dict[str, str], seconds: float) -> None:
    attack, _ = ATTACKS[name]
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await attack(http)


if __name__ == "__main__":
    asyncio.run(repeat(sys.argv[1], sys.argv[2], orjson.loads(sys.stdin.buffer.read()), float(sys.argv[3])))
