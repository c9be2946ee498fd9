"""FastAPI that reads a body into one pydantic model and stores nothing."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class Job(BaseModel):
    name: str
    payload: dict[str, Any]


app = FastAPI()


@app.post("/v1/jobs", status_code=202)
async def create_job(body: Job) -> dict[str, Any]:
    return {"id": "1", "name": body.name}
