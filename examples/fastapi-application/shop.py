"""A shop, written with FastAPI: it leaves its slow work to Triage, which it reaches over HTTP."""

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
#: Longer than the longest wait that is asked of Triage.
SECONDS = 40
#: Times that a submission is sent before the shop gives up.
TRIES = 3


class Progress(BaseModel):
    current: float
    total: float | None = None
    message: str | None = None


class Job(BaseModel):
    """The fields of a job that this application reads."""

    id: str
    state: str
    progress: Progress | None = None
    result: JsonValue = None


class Triage:
    """The calls that this application needs; docs/how-to/use-an-sdk.md has clients for all of them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def submit(
        self, name: str, payload: dict[str, JsonValue], *, idempotency_key: str, wait: int = 0
    ) -> Job:
        """The new job, or the one that an earlier submission with this key created."""
        headers = {"Idempotency-Key": idempotency_key} | ({"Prefer": f"wait={wait}"} if wait else {})
        body = {"name": name, "payload": payload}
        request = partial(self._http.post, "/v1/jobs", json=body, headers=headers)
        for _ in range(TRIES - 1):
            # A lost reply says nothing about the job. Because of the key, sending it again is safe.
            with suppress(httpx.TransportError):
                return _job(await request())
        return _job(await request())

    async def get(self, job_id: str, *, wait: int = 0) -> Job:
        """The job, when it has finished or after `wait` seconds, whichever comes first."""
        return _job(await self._http.get(f"/v1/jobs/{job_id}", params={"wait": wait} if wait else {}))


def _job(answer: httpx.Response) -> Job:
    if answer.status_code == 404:
        raise HTTPException(404, "There is no such job.")
    answer.raise_for_status()
    return Job.model_validate_json(answer.content)


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
    """However often a customer presses the button, an order is processed once."""
    payload: dict[str, JsonValue] = {"order_id": order.order_id}
    return await jobs.submit("process-order", payload, idempotency_key=f"order-{order.order_id}")


@app.post("/alerts/{user_id}")
async def alert(user_id: str, alert_id: str, jobs: Jobs) -> JsonValue:
    """Waits for the result, so that the caller can be told."""
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
    """A progress bar asks for this every second; whoever needs the result asks once, with `wait`."""
    return await jobs.get(job_id, wait=wait)
