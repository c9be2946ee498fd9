"""Clients that submit, cancel and read while faults happen, and remember what the API acknowledged."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import httpx

from tests.support.eventually import eventually

#: How long a client repeats a request, in seconds: longer than Sentinels need for several failovers.
PATIENCE_SECONDS = 120
#: Acceptable statuses for a valid request, whatever happens behind the API.
PATIENT = {503, 507}
RETRY = {"max_attempts": 2, "backoff": "fixed", "delay_seconds": 0.2, "jitter": 0}
#: Instructions for a handler, with the outcome of its job and the number of failures.
ENDS = {"ok": ("succeeded", 0), "fail_once": ("succeeded", 1), "fail": ("dead", 2), "give_up": ("dead", 1)}


class Load:
    """`jobs`, `flows`, `fan_outs`, `cancelled`: acknowledged ids, with their specs."""

    def __init__(self, urls: Sequence[str], seed: int, history: str, durability: str = "stored") -> None:
        self.jobs: dict[str, str] = {}
        self.flows: dict[str, int] = {}
        self.fan_outs: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.stopped = asyncio.Event()
        self._urls = urls
        self._seed = seed
        self._history = history
        self._http = httpx.AsyncClient(timeout=5, headers={"Durability": durability})

    @property
    def acknowledged(self) -> int:
        return len(self.jobs) + len(self.flows) + len(self.fan_outs)

    async def client(self, number: int) -> None:
        """Submit one thing after the other, until stopped."""
        chance = random.Random(f"{self._seed} {number}")
        count = 0
        while not self.stopped.is_set():
            count += 1
            key = f"{number}-{count}"
            match chance.random():
                case draw if draw < 0.08:
                    await self._flow(chance, key)
                case draw if draw < 0.14:
                    await self._fan_out(chance, key)
                case draw if draw < 0.2 and self.jobs:
                    await self._cancel(chance)
                case _:
                    await self._job(chance, key)

    async def get(self, path: str) -> dict[str, Any]:
        return await self._ask(random.Random(0), "GET", path)

    async def close(self) -> None:
        await self._http.aclose()

    async def _job(self, chance: random.Random, key: str) -> None:
        do = chance.choices(list(ENDS), (8, 1, 1, 1))[0]
        body = self._spec(chance, do) | {"priority": chance.choice((50, 100, 200))}
        job = await self._ask(chance, "POST", "/v1/jobs", body, key)
        assert self.jobs.setdefault(job["id"], do) == do, "the same id was returned twice"

    async def _flow(self, chance: random.Random, key: str) -> None:
        size = chance.randrange(2, 7)
        jobs = {
            f"j{n}": {
                "job": self._spec(chance, "ok"),
                "depends_on": [f"j{m}" for m in range(n) if chance.random() < 0.5],
            }
            for n in range(size)
        }
        flow = await self._ask(chance, "POST", "/v1/flows", {"name": "f", "jobs": jobs}, key)
        self.flows[flow["id"]] = size

    async def _fan_out(self, chance: random.Random, key: str) -> None:
        size = chance.randrange(1, 25)
        body = {
            "template": self._spec(chance, "ok"),
            "items": [{"payload": {"value": n}} for n in range(size)],
            "then": self._spec(chance, "ok"),
        }
        fan_out = await self._ask(chance, "POST", "/v1/fan-outs", body, key)
        self.fan_outs[fan_out["id"]] = size

    async def _cancel(self, chance: random.Random) -> None:
        id = chance.choice(list(self.jobs))
        await self._ask(chance, "POST", f"/v1/jobs/{id}/cancel", {"grace_seconds": 0.5})
        self.cancelled.add(id)

    def _spec(self, chance: random.Random, do: str) -> dict[str, Any]:
        seconds = chance.choice((0, 0, 0.05, 0.3))
        payload = {"do": do, "seconds": seconds, "history": self._history}
        return {
            "name": "scripted",
            "payload": payload,
            "queue": chance.choice(("default", "bulk")),
            "retry": RETRY,
        }

    async def _ask(
        self, chance: random.Random, method: str, path: str, body: Any = None, key: str | None = None
    ) -> dict[str, Any]:
        """Retry, at any API, until a response says what happened."""

        async def send() -> dict[str, Any]:
            # Waiting for jobs keeps a client from creating more than the workers can run.
            headers = {"Idempotency-Key": key, "Prefer": "wait=1"} if key else {}
            url = chance.choice(self._urls) + path
            try:
                response = await self._http.request(method, url, json=body, headers=headers)
            except httpx.TransportError as error:
                raise AssertionError from error
            if response.status_code in PATIENT or response.json().get("code") == "idempotency_in_progress":
                raise AssertionError(response.text)
            if response.status_code >= 400 and response.json()["code"] != "invalid_state":
                raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
            return response.json()

        return await eventually(send, PATIENCE_SECONDS, 0.05)
