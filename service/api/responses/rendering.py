"""Renders stored values as the API's resources; payloads and results are not parsed."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from fastapi import Response

from service.api.responses.redaction import View
from service.api.time_slices import TimeSlices
from service.domain import job_spec
from service.domain.callback import show_callback
from service.domain.fan_out import FanOut, ItemResult
from service.domain.flow import Flow, GraphEdge
from service.domain.group import Group
from service.domain.job import Job
from service.domain.schedule import Schedule
from service.domain.states import State
from service.domain.times import rfc3339 as time
from service.domain.worker import WorkerRecord

_NO_HEADERS: Mapping[str, str] = {}


def job(job: Job, view: View) -> dict[str, Any]:
    return {
        "id": job.id,
        "object": "job",
        "version": job.version,
        **job_spec.show(job),
        "state": job.state,
        "state_reason": job.state_reason,
        "payload": view.value(job.payload),
        "result": None if job.result is None else view.value(job.result),
        "error": None if job.error is None else view.error(job.error),
        "progress": None if job.progress is None else view.progress(job.progress),
        "attempt": job.attempt,
        "max_attempts": job.retry.max_attempts,
        "failures": job.failures,
        "interruptions": job.interruptions,
        "crashes": job.crashes,
        "deliveries": job.deliveries,
        "created_at": time(job.created_at),
        "run_at": time(job.run_at),
        "queued_at": time(job.queued_at),
        "started_at": time(job.started_at),
        "finished_at": time(job.finished_at),
        "expires_at": time(job.expires_at),
        "cancel_requested_at": time(job.cancel_requested_at),
        "cancel_message": job.cancel_message,
        "worker_id": job.worker_id,
        "flow_id": job.flow_id,
        "flow_key": job.flow_key,
        "fan_out_id": job.fan_out_id,
        "fan_out_index": job.fan_out_index,
        "trace_id": job.trace_id,
        "truncated": list(job.truncated),
    }


def attempt(text: bytes, view: View) -> dict[str, Any]:
    document = orjson.loads(text)
    return {
        **{key: value for key, value in view.attempt(document).items() if key != "at_ms"},
        "at": time(document["at_ms"]),
    }


def log_line(text: bytes, view: View) -> dict[str, Any]:
    document = orjson.loads(text)
    return {"at": time(int(document["at_ms"])), "message": view.text(document["message"])}


def dead_letter(
    dead: Job, attempts: Sequence[bytes], view: View, truncated: Sequence[str] = ()
) -> dict[str, Any]:
    """`truncated` lists omitted fields in addition to values that are too large for a list."""
    return {
        "job_id": dead.id,
        "object": "dlq_entry",
        "name": dead.name,
        "queue": dead.queue,
        "reason": dead.state_reason,
        "error": view.error(dead.error),
        "failures": dead.failures,
        "crashes": dead.crashes,
        "dead_at": time(dead.finished_at),
        "payload": view.value(dead.payload),
        "attempts": [attempt(text, view) for text in attempts],
        "redriven": dead.redriven,
        "fingerprint": dead.fingerprint,
        "truncated": [*dead.truncated, *truncated],
    }


def counts(group: Group) -> dict[str, int]:
    return {"total": group.total, **{state.value: group.counts[state] for state in State}}


def flow(flow: Flow, jobs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`jobs` is None in a list, which omits them."""
    return {
        "id": flow.id,
        "object": "flow",
        "version": flow.version,
        "name": flow.name,
        "state": flow.state,
        "counts": counts(flow),
        "callback": show_callback(flow.callback, "flow"),
        **({} if jobs is None else {"jobs": dict(jobs)}),
        "created_at": time(flow.created_at),
        "finished_at": time(flow.finished_at),
    }


def fan_out(fan_out: FanOut) -> dict[str, Any]:
    return {
        "id": fan_out.id,
        "object": "fan_out",
        "version": fan_out.version,
        "name": fan_out.name,
        "queue": fan_out.queue,
        "state": fan_out.state,
        "sealed": fan_out.sealed,
        "counts": counts(fan_out),
        "max_concurrency": fan_out.max_concurrency,
        "failure_tolerance": {"count": fan_out.tolerance.count, "percent": fan_out.tolerance.percent},
        "then_job_id": fan_out.then_job_id,
        "callback": show_callback(fan_out.callback, "fan_out"),
        "created_at": time(fan_out.created_at),
        "finished_at": time(fan_out.finished_at),
    }


def item_result(row: ItemResult, view: View) -> bytes:
    """A line of a fan-out's results."""
    document = {
        "index": row.index,
        "key": row.key,
        "job_id": row.job_id,
        "state": row.state,
        "result": view.value(row.result),
        "error": view.error(row.error),
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def graph(
    flow_id: str, jobs: Mapping[str, str], found: Sequence[Job | None], edges: Sequence[GraphEdge]
) -> dict[str, Any]:
    return {
        "flow_id": flow_id,
        "nodes": [
            {
                "key": key,
                "job_id": id,
                "name": None if job is None else job.name,
                "state": None if job is None else job.state,
                "queued_at": None if job is None else time(job.queued_at),
                "started_at": None if job is None else time(job.started_at),
                "finished_at": None if job is None else time(job.finished_at),
            }
            for (key, id), job in zip(jobs.items(), found, strict=True)
        ],
        "edges": [{"from": edge.source, "to": edge.target, "when": edge.when} for edge in edges],
    }


def mermaid(jobs: Mapping[str, str], found: Sequence[Job | None], edges: Sequence[GraphEdge]) -> str:
    """A Mermaid flowchart; keys need no escaping, since they have no character that is special in Mermaid."""
    place = {key: f"n{number}" for number, key in enumerate(jobs)}
    lines = ["flowchart TD"]
    for key, job in zip(jobs, found, strict=True):
        lines.append(f'    {place[key]}["{key}<br/>{"forgotten" if job is None else job.state}"]')
    for edge in edges:
        label = "" if edge.when == "succeeded" else f"|{edge.when}|"
        lines.append(f"    {place[edge.source]} -->{label} {place[edge.target]}")
    return "\n".join(lines) + "\n"


def schedule(found: Schedule) -> dict[str, Any]:
    definition, every_ms = found.definition, found.definition["every_ms"]
    upcoming = (
        []
        if found.next_fire_time is None
        else [found.next_fire_time, *found.timetable.upcoming(found.next_fire_time, 4)]
    )
    return {
        "name": found.name,
        "object": "schedule",
        "version": found.version,
        "cron": definition["cron"],
        "every_seconds": None if every_ms is None else every_ms / 1000,
        "timezone": definition["timezone"],
        "job": definition["job"],
        "start_at": time(definition["start_ms"]),
        "end_at": time(definition["end_ms"]),
        "catch_up": definition["catch_up"],
        "overlap": definition["overlap"],
        "paused": found.paused,
        "next_run_at": time(found.next_fire_time),
        "next_runs": [time(at) for at in upcoming],
        "last_run": None if found.last is None else {"job_id": found.last[1], "slot": time(found.last[0])},
        "runs": [
            {"slot": time(run.fire_time), "at": time(run.at), "outcome": run.outcome, "job_id": run.job_id}
            for run in found.runs
        ],
    }


def worker(record: WorkerRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "object": "worker",
        "host": record.host,
        "pid": record.pid,
        "version": record.version,
        "queues": dict(record.queues),
        "job_types": list(record.job_types),
        "state": record.state,
        "running": record.running,
        "capacity": record.capacity,
        "started_at": time(record.started_at),
        "seen_at": time(record.seen_at),
    }


class JsonResponse(Response):
    """A Starlette response that composes its headers only if they are not sent as one text."""

    media_type = "application/json"

    def __init__(self, text: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.body = text
        self.status_code = status
        self.background = None
        self.given_headers = headers

    @cached_property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:  # type: ignore[override]
        given = self.given_headers.items()
        return [
            *[(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given],
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


def respond(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JsonResponse(orjson.dumps(document), status, headers or _NO_HEADERS)


def etag(version: int) -> str:
    return f'"{version}"'


async def page(rows: Iterable[dict[str, Any]], next_cursor: str | None) -> Response:
    """Takes the rows in time slices: rendering 200 jobs takes milliseconds."""
    items, slices = list[dict[str, Any]](), TimeSlices()
    for row in rows:
        items.append(row)
        await slices.pause()
    return respond({"items": items, "next_cursor": next_cursor})
