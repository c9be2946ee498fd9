"""An API without Triage: FastAPI, and enqueue_job of stock arq."""

import contextlib
import os
from collections.abc import AsyncGenerator
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI
from pydantic import BaseModel


class Job(BaseModel):
    name: str
    payload: dict[str, Any]


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    app.state.arq = await create_pool(RedisSettings.from_dsn(os.environ["BENCH_REDIS"]))
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/jobs", status_code=202)
async def create_job(body: Job) -> dict[str, Any]:
    job = await app.state.arq.enqueue_job(body.name, **body.payload)
    return {"id": job.job_id, "name": body.name}
