"""The records of workers and of the job types that they publish."""

from dataclasses import asdict
from typing import Any

import orjson

from service.domain.catalogue import JobType
from service.domain.worker import FORGOTTEN_AFTER_MS, LATE_MS, LOST_AFTER_MS, WorkerRecord, WorkerState
from service.store.codec.fields import Fields


def encode_worker(record: WorkerRecord) -> dict[str, str | int | bytes]:
    return {
        "host": record.host,
        "pid": record.pid,
        "version": record.version,
        "queues": orjson.dumps(dict(record.queues)),
        "job_types": orjson.dumps(record.job_types),
        "state": record.state,
        "running": record.running,
        "capacity": record.capacity,
        "started_at": record.started_at,
        "seen_at": record.seen_at,
        "lease_ms": record.lease_ms,
        **({"subscribed": 1} if record.subscribed else {}),
    }


def decode_worker(id: str, fields: Fields, now: int) -> WorkerRecord | None:
    """The worker as of `now`; None when it does not exist."""
    if b"host" not in fields:
        return None
    seen_at = int(fields[b"seen_at"])
    state: WorkerState = "draining" if fields[b"state"] == b"draining" else "running"
    lease_ms = int(fields[b"lease_ms"])
    running, subscribed = int(fields[b"running"]), b"subscribed" in fields
    # Heartbeats of a subscribed worker rest while nothing happens.
    lost_after_ms = LOST_AFTER_MS if subscribed and not running else min(lease_ms, LOST_AFTER_MS)
    return WorkerRecord(
        id=id,
        host=fields[b"host"].decode(),
        pid=int(fields[b"pid"]),
        version=fields[b"version"].decode(),
        queues=orjson.loads(fields[b"queues"]),
        job_types=tuple(orjson.loads(fields[b"job_types"])),
        state="lost" if now - seen_at > lost_after_ms + LATE_MS else state,
        running=running,
        capacity=int(fields[b"capacity"]),
        started_at=int(fields[b"started_at"]),
        seen_at=seen_at,
        lease_ms=lease_ms,
        forgotten=now - seen_at > FORGOTTEN_AFTER_MS,
        subscribed=subscribed,
    )


def encode_type(job_type: JobType) -> bytes:
    return orjson.dumps(asdict(job_type))


def decode_type(text: bytes) -> JobType:
    document: dict[str, Any] = orjson.loads(text)
    document["redact"] = tuple(document["redact"])
    return JobType(**document)
