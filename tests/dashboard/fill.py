"""Fills a namespace with what a busy one has, to look at the dashboard: `python -m tests.dashboard.fill URL`.

Start the server with `TRIAGE_HANDLERS=workers.handlers,tests.dashboard.handlers triage dev`. It submits jobs
to 200 queues, 500 that die of four causes, a flow of 40 jobs, a fan-out of 5,000 items, and adds schedules,
webhooks and API keys.
"""

import sys
from collections.abc import Iterator
from typing import Any

import httpx

QUEUES = 200
DEAD = 500
NODES = 40
ITEMS = 5_000
#: Kind of failure, and its share of the dead jobs.
CAUSES = {"timeout": 0.55, "card": 0.3, "schema": 0.13, "disk": 0.02}
NAMES = ("billing", "mail", "reports", "search-index", "thumbnails", "webhooks", "exports", "crm-sync")


def queue_names() -> list[str]:
    return [f"{NAMES[number % len(NAMES)]}-{number // len(NAMES):02d}" for number in range(QUEUES)]


def busy(name: str, queue: str, number: int, **more: Any) -> dict[str, Any]:
    tags = {"tenant": f"tenant-{number % 7}", "region": ("eu", "us")[number % 2]}
    return {"name": name, "queue": queue, "tags": tags, **more}


def jobs() -> Iterator[dict[str, Any]]:
    queues = queue_names()
    for number, queue in enumerate(queues):
        yield busy("pretend", queue, number, payload={"seconds": 0.05})
        yield busy("pretend", queue, number, payload={"seconds": 0.05}, delay_seconds=3600 + number)
    dying = [kind for kind, share in CAUSES.items() for _ in range(round(DEAD * share))]
    for number, kind in enumerate(dying):
        queue = queues[number % 5]
        payload = {"fail": kind, "number": number, "order_id": f"o-{number}"}
        yield busy("charge-card", queue, number, payload=payload, retry={"max_attempts": 1})
    for number in range(60):
        yield busy("pretend", "default", number, payload={"seconds": 0.2 + number % 9 / 10, "lines": 3})
    for number in range(30):
        retry = {"max_attempts": 4, "delay_seconds": 600}
        yield busy(
            "charge-card", queues[6], number, payload={"fail": "timeout", "number": number}, retry=retry
        )
    for number in range(25):
        yield busy("nobody-knows-this", queues[9], number)


def flow() -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for number in range(NODES):
        layer = number // 8
        before = [f"step-{(layer - 1) * 8 + (number + extra) % 8:02d}" for extra in (0, 3)] if layer else []
        payload = {"seconds": 0.2 + number % 5 * 0.6, "fail": "card" if number == 21 else ""}
        job = {"name": "charge-card", "queue": "default", "payload": payload, "retry": {"max_attempts": 1}}
        nodes[f"step-{number:02d}"] = {
            "job": job,
            "depends_on": [{"key": key, "when": "finished"} for key in before],
        }
    return {"name": "month-end-close", "on_failure": "continue", "jobs": nodes}


def main(url: str) -> None:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        everything = list(jobs())
        for start in range(0, len(everything), 500):
            http.post("/v1/jobs/bulk", json={"jobs": everything[start : start + 500]}).raise_for_status()
        http.post("/v1/flows", json=flow()).raise_for_status()
        template = {"name": "charge-card", "queue": "bulk", "retry": {"max_attempts": 1}}
        items = [{"number": number, "fail": "schema" if number % 61 == 0 else ""} for number in range(ITEMS)]
        spec = {"template": template, "items": items, "then": {"name": "pretend"}}
        http.post("/v1/fan-outs", json=spec).raise_for_status()
        waiting = [busy("pretend", queue, 1) for queue in queue_names()[3:5] for _ in range(12)]
        for queue in queue_names()[3:5]:
            http.post(f"/v1/queues/{queue}/pause").raise_for_status()
        http.post("/v1/jobs/bulk", json={"jobs": waiting}).raise_for_status()
        limits = {"max_concurrency": 4, "rate_limit": {"limit": 10, "per_seconds": 1}, "max_depth": 10_000}
        http.patch(f"/v1/queues/{queue_names()[0]}", json=limits).raise_for_status()
        for name, rule in {
            "nightly-report": {"cron": "30 2 * * *"},
            "heartbeat": {"every_seconds": 5},
        }.items():
            http.put(f"/v1/schedules/{name}", json={**rule, "job": {"name": "pretend"}}).raise_for_status()
        fill_access(http)


def fill_access(http: httpx.Client) -> None:
    """Webhooks and API keys. No receiver is there, so deliveries fail."""
    made = [
        http.post("/v1/webhooks", json={"url": url, "events": events, "description": about}).json()["id"]
        for url, events, about in (
            ("https://shop.example/triage-events", ["job.dead", "flow.*"], "the shop"),
            ("https://pager.example/hooks/triage?team=payments", ["job.dead", "queue.paused"], ""),
            ("https://crm.internal.example/events", ["*"], "replaced by the shop"),
        )
    ]
    http.post(f"/v1/webhooks/{made[0]}/test").raise_for_status()
    http.post(f"/v1/webhooks/{made[2]}/disable").raise_for_status()
    callback = {"url": "https://shop.example/done?order=o-1"}
    http.post("/v1/jobs", json={"name": "pretend", "callback": callback}).raise_for_status()
    reads = ["jobs:read", "queues:read", "dlq:read", "workers:read", "schedules:read", "webhooks:read"]
    for key in (
        {"name": "shop", "scopes": ["jobs:read", "jobs:write"], "queues": queue_names()[:4]},
        {"name": "on-call", "scopes": reads},
        {"name": "reports", "scopes": ["jobs:write"], "expires_at": "2031-01-01T00:00:00Z"},
    ):
        http.post("/v1/api-keys", json=key).raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1])
