"""The record of a schedule and its history."""

from collections.abc import Sequence
from typing import Any

import orjson

from service.domain.schedule import Run, Schedule
from service.store.codec.fields import Fields, number, pairs, texts


def decode_schedule(name: str, fields: Fields, now: int, runs: Sequence[bytes]) -> Schedule | None:
    """The schedule as of `now`; None when it does not exist."""
    return _decode(name, fields, now, texts(runs)) if fields else None


def decode_due(row: Sequence[Any], now: int) -> Schedule:
    """The schedule of a row of due_schedules.lua, without its runs."""
    name, flat = row
    return _decode(name.decode(), pairs(flat), now, ())


def _decode(name: str, fields: Fields, now: int, runs: Sequence[str]) -> Schedule:
    last = fields.get(b"last")
    return Schedule(
        name=name,
        version=int(fields[b"version"]),
        definition=orjson.loads(fields[b"definition"]),
        anchor=int(fields[b"anchor"]),
        paused=fields[b"paused"] == b"1",
        next_fire_time=number(fields.get(b"fire_at")),
        now=now,
        last=None if last is None else _decode_last(last.decode()),
        runs=tuple(_decode_run(text) for text in runs),
    )


def _decode_last(text: str) -> tuple[int | None, str]:
    fire_time, job_id = text.split(" ")
    return (None if fire_time == "-" else int(fire_time)), job_id


def _decode_run(text: str) -> Run:
    fire_time, at, outcome, job_id = text.split(" ")
    return Run(
        None if fire_time == "-" else int(fire_time), int(at), outcome, None if job_id == "-" else job_id
    )
