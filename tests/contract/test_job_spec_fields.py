"""Every field of JobSpec is in the four files that CONTRIBUTING.md names; the rest follows from them."""

import inspect
from dataclasses import fields, replace
from typing import get_overloads

import orjson
import pytest

from service.api.schemas.jobs import JobOut, JobSpecIn
from service.domain.job import Job
from service.domain.job_spec import FIELDS, OF_TYPES, OPTIONS, JobSpec, show, specify
from service.store.codec.jobs import decode_job, encode_options
from service.store.codec.submissions import as_stored, created_job
from service.store.codec.traits import Traits, encode_traits
from workers.handler import job as decorator

#: Attributes of JobSpec that clients do not set: payload text, request and job type determine them.
DERIVED = {"payload", "failures", "traceparent", "redact"}
#: A value for each field that is not its default.
GIVEN = {
    "name": "work",
    "queue": "mail",
    "priority": 7,
    "delay_seconds": 5.0,
    "run_at": "2026-11-27T09:30:00Z",
    "retry": {
        "max_attempts": 9,
        "backoff": "linear",
        "delay_seconds": 2.5,
        "max_delay_seconds": 50.0,
        "jitter": 0.5,
    },
    "timeout_seconds": 4.5,
    "expires_seconds": 60.0,
    "deadline_seconds": 90.0,
    "retention_seconds": 30.0,
    "tags": {"tenant": "acme"},
    "limit_key": "acme",
    "unique": {"key": "order", "until": "started", "on_conflict": "reject"},
    "callback": {"url": "https://example.com/done", "events": ["job.dead"]},
}


def test_every_attribute_has_a_row_and_every_row_an_attribute() -> None:
    assert {row.attribute for row in FIELDS.values()} | DERIVED == {field.name for field in fields(JobSpec)}


def test_the_api_takes_and_shows_every_field() -> None:
    assert set(JobSpecIn.model_fields) == {*FIELDS, "payload"}
    assert {name for name, row in FIELDS.items() if row.show} <= set(JobOut.model_fields)


def test_a_stored_job_has_every_attribute_that_it_shows_or_keeps_as_an_option() -> None:
    shown = {row.attribute for row in FIELDS.values() if row.show}
    assert shown | set(OPTIONS) <= {field.name for field in fields(Job)}


def test_the_decorator_accepts_every_field_that_may_have_a_default_per_type() -> None:
    declared = inspect.signature(get_overloads(decorator)[1]).parameters
    assert set(OF_TYPES) <= set(declared)


def test_a_job_shows_the_fields_that_were_sent() -> None:
    assert set(GIVEN) == set(FIELDS)
    spec = specify(GIVEN)
    job = created_job("job_1", spec, 0)
    assert show(job) == {name: value for name, value in GIVEN.items() if FIELDS[name].show}


@pytest.mark.parametrize("name", [*OPTIONS, *Traits._fields[:-1]])
def test_an_option_survives_redis_and_a_replay(name: str) -> None:
    spec = replace(specify(GIVEN, traceparent="00-1-2-3"), redact=("/card",))
    stored = encode_options(spec)
    assert name in (*orjson.loads(stored), *Traits._fields)
    fields_of_a_job = {
        b"traits": encode_traits(spec).encode(), b"state": b"queued", b"created_at": b"0",
        b"options": stored[:64], b"options.1": stored[64:128], b"options.2": stored[128:],
    }  # fmt: skip
    assert getattr(decode_job("job_1", fields_of_a_job), name) == getattr(spec, name)
    later = as_stored(JobSpec("other"), encode_traits(spec).encode(), stored)
    assert getattr(created_job("job_1", later, 0), name) == getattr(spec, name)
