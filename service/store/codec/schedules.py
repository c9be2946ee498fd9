"""The record of a schedule and its history."""

from collections.abc import Sequence
from typing import Any

import orjson

from service.domain.schedule import Run, Schedule
from service.store.codec.fields import Fields, number, pairs, texts


def decode_schedule(name: str, fields: Fields, now: int, runs: Sequence[bytes]) -> Schedule | None:
    """As it was read at that time; None for one that does not exist."""
    return _decode(name, fields, now, texts(runs)) if fields else None


def decode_due(row: Sequence[Any], now: int) -> Schedule:
    """A row of the script that finds what is due, without its runs."""
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
        slot=number(fields.get(b"fire_at")),
        now=now,
        last=None if last is None else _decode_last(last.decode()),
        runs=tuple(_decode_run(text) for text in runs),
    )


def _decode_last(text: str) -> tuple[int | None, str]:
    slot, job_id = text.split(" ")
    return (None if slot == "-" else int(slot)), job_id


def _decode_run(text: str) -> Run:
    slot, at, outcome, job_id = text.split(" ")
    return Run(None if slot == "-" else int(slot), int(at), outcome, None if job_id == "-" else job_id)
