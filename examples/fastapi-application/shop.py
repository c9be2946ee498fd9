"""A shop, written with FastAPI, that submits its slow work to Triage over HTTP."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, JsonValue

TRIAGE_URL = os.environ.get("TRIAGE_URL", "http://127.0.0.1:8080")
TRIAGE_API_KEY = os.environ.get("TRIAGE_API_KEY", "")
#: In seconds; longer than the longest wait for a job.
SECONDS = 40
#: The most attempts to submit a job.
TRIES = 3


class Progress(BaseModel):
    current: float
    total: float | None = None
    message: str | None = None


class Job(BaseModel):
    """The fields of a job that this application uses."""

    id: str
    state: str
    progress: Progress | None = None
    result: JsonValue = None


class Triage:
    """The calls that this application needs; docs/how-to/use-an-sdk.md has full clients."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def submit(
        self, name: str, payload: dict[str, JsonValue], *, idempotency_key: str, wait: int = 0
    ) -> Job:
        """Submit a job; with the same key, return the job of the earlier submission."""
        headers = {"Idempotency-Key": idempotency_key} | ({"Prefer": f"wait={wait}"} if wait else {})
        body = {"name": name, "payload": payload}
        request = partial(self._http.post, "/v1/jobs", json=body, headers=headers)
        for _ in range(TRIES - 1):
            # After a lost response the job may exist or not. The key makes it safe to retry.
            with suppress(httpx.TransportError):
                return _job(await request())
        return _job(await request())

    async def get(self, job_id: str, *, wait: int = 0) -> Job:
        """Return the job once it has finished, or as it is after `wait` seconds."""
        return _job(await self._http.get(f"/v1/jobs/{job_id}", params={"wait": wait} if wait else {}))


def _job(response: httpx.Response) -> Job:
    if response.status_code == 404:
        raise HTTPException(404, "There is no such job.")
    response.raise_for_status()
    return Job.model_validate_json(response.content)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Triage]]:
    headers = {"Authorization": f"Bearer {TRIAGE_API_KEY}"} if TRIAGE_API_KEY else {}
    async with httpx.AsyncClient(base_url=TRIAGE_URL, headers=headers, timeout=SECONDS) as http:
        yield {"triage": Triage(http)}


def _triage(request: Request) -> Triage:
    triage = request.state.triage
    assert isinstance(triage, Triage)
    return triage


Jobs = Annotated[Triage, Depends(_triage)]
app = FastAPI(title="Shop", lifespan=lifespan)


class Order(BaseModel):
    order_id: str


class Import(BaseModel):
    import_id: str
    source: str
    pages: int = 1


@app.post("/orders", status_code=202)
async def place_order(order: Order, jobs: Jobs) -> Job:
    """Processes an order once, however often the customer clicks the button."""
    payload: dict[str, JsonValue] = {"order_id": order.order_id}
    return await jobs.submit("process-order", payload, idempotency_key=f"order-{order.order_id}")


@app.post("/alerts/{user_id}")
async def alert(user_id: str, alert_id: str, jobs: Jobs) -> JsonValue:
    """Waits for the result, so that it can return it."""
    job = await jobs.submit("send-alert", {"user_id": user_id}, idempotency_key=f"alert-{alert_id}", wait=10)
    if job.state != "succeeded":
        raise HTTPException(503, f"The alert is {job.state}.")
    return job.result


@app.post("/imports", status_code=202)
async def start_import(given: Import, jobs: Jobs) -> Job:
    payload: dict[str, JsonValue] = {"source": given.source, "pages": given.pages}
    return await jobs.submit("sync-data", payload, idempotency_key=f"import-{given.import_id}")


@app.get("/jobs/{job_id}")
async def read_job(job_id: str, jobs: Jobs, wait: Annotated[int, Query(ge=0, le=30)] = 0) -> Job:
    """A progress bar polls this every second; a client that needs the result calls it once, with `wait`."""
    return await jobs.get(job_id, wait=wait)
