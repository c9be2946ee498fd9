"""One reader of a JobSpec: it refuses what the API's schema refuses, and merges defaults."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from service.api.schemas.fan_outs import ToleranceIn
from service.api.schemas.flows import NodeIn
from service.api.schemas.jobs import JobSpecIn, RetryIn, UniqueIn
from service.api.schemas.queues import QueueDefaultsIn
from service.domain.catalogue import JobType
from service.domain.checks import SpecInvalid, read_time
from service.domain.errors import PayloadTooLarge
from service.domain.fan_out import read_tolerance
from service.domain.flow import Edge, read_edges
from service.domain.job_spec import FIELDS, JobSpec, check_defaults, specify
from service.domain.retry import RetryPolicy
from tests.fuzz.hostile_values import VALUES

TYPE = JobType(
    "work",
    defaults={
        "queue": "typed",
        "priority": 7,
        "retry": {"max_attempts": 5},
        "timeout_seconds": 70,
        "expires_seconds": 500,
        "deadline_seconds": 600,
        "retention_seconds": 3600,
    },
    redact=("/card",),
)
QUEUES = {"typed": {"priority": 1, "retry": {"max_attempts": 9, "delay_seconds": 4}}}
#: Values at the limits, and values that break careless code.
EDGES: list[Any] = [
    *VALUES,
    *(0.0004, 1000, 1001, 999.5, 315_360_000, 315_360_000.5, 31_536_000, 31_536_001, 100, 100.1, 0.5),
    *(float("nan"), float("inf"), -0.5, 10**30, b"bytes", ("a",), {"a"}, object),
    *("a" * 128, "a" * 129, "a\n", "a b", ".a", "ä", "\ud800", "x" * 255, "x" * 256, "a,b", "a\x7fb"),
    *("fixed", "linear", "started", "finished", "succeeded", "failed", "reject", "replace"),
    *("2026-11-27T09:30:00Z", "2026-11-27 09:30:00Z", "2026-02-30T00:00:00Z", "2026-11-27T09:30:00", "0"),
    *({"a": "b"}, {"a": "b" * 64}, {"a": "b" * 65}, {"a": 1}, {".a": "b"}, {"a b": "c"}, {"a": None}),
    *({str(n): "" for n in range(16)}, {str(n): "" for n in range(17)}, {"a" * 64: ""}, {"a" * 65: ""}),
    *({"max_attempts": 2}, {"max_attempts": None}, {"key": "k"}, {"key": "k", "until": 5}, {"key": "k|"}),
]


def allows(model: type[BaseModel], document: Any) -> bool:
    try:
        model.model_validate(document)
    except ValidationError:
        return False
    return True


def reads(read: Any, *arguments: Any, **options: Any) -> bool:
    try:
        read(*arguments, **options)
    except SpecInvalid:
        return False
    return True


@pytest.mark.parametrize("name", [*FIELDS, "payload", "unknown"])
def test_the_reader_and_the_schema_of_the_api_agree(name: str) -> None:
    for value in EDGES:
        document = {"name": "work", name: value}
        assert reads(specify, document, encode=lambda _: b"{}") == allows(JobSpecIn, document), value


@pytest.mark.parametrize(
    ("field", "model", "name", "given"),
    [
        *(("retry", RetryIn, name, {}) for name in RetryIn.model_fields),
        *(("unique", UniqueIn, name, {"key": "k"}) for name in UniqueIn.model_fields),
        ("retry", RetryIn, "unknown", {}),
        ("unique", UniqueIn, "unknown", {"key": "k"}),
    ],
)
def test_they_agree_on_the_parts_of_a_field(
    field: str, model: type[BaseModel], name: str, given: dict[str, Any]
) -> None:
    for value in EDGES:
        part = {**given, name: value}
        assert reads(specify, {"name": "work", field: part}) == allows(model, part), value


def test_they_agree_on_edges_and_tolerances() -> None:
    for value in EDGES:
        for edge in (value, {"key": value}, {"key": "a", "when": value}, {"key": "a", "more": value}, {}):
            allowed = allows(NodeIn, {"job": {"name": "work"}, "depends_on": [edge]})
            assert reads(read_edges, [edge], "") == allowed, edge
        for name in ("count", "percent", "more"):
            if value != 10**30:  # JSON has no such number.
                assert reads(read_tolerance, {name: value}, "") == allows(ToleranceIn, {name: value}), value
    assert read_edges(["a", {"key": "b", "when": "failed"}], "") == (Edge("a"), Edge("b", "failed"))


def test_the_two_have_the_same_fields() -> None:
    assert set(JobSpecIn.model_fields) == {*FIELDS, "payload"}
    # A queue also has the durability of its submissions, which no job has.
    of_queues = {name for name, row in FIELDS.items() if row.of_queues}
    assert set(QueueDefaultsIn.model_fields) == {*of_queues, "durability"}


def test_every_field_is_checked_as_a_default_as_well() -> None:
    for name, row in FIELDS.items():
        for value in EDGES:
            allowed = row.of_types and reads(row.read, value, "")
            assert reads(check_defaults, {name: value}) == allowed, (name, value)


def test_an_error_points_to_its_place_and_says_what_is_allowed() -> None:
    with pytest.raises(SpecInvalid) as caught:
        specify({"name": "work", "retry": {"jitter": 2}}, root="/children/a~1b/job")
    assert isinstance(caught.value, ValueError)
    pointer = "/children/a~1b/job/retry/jitter"
    assert str(caught.value) == f"{pointer}: must be from 0 to 1, not 2"
    assert caught.value.details["errors"] == [
        {"pointer": pointer, "code": "less_than_equal", "message": "must be from 0 to 1, not 2"}
    ]


@pytest.mark.parametrize("document", [None, [], "work", {}, {"queue": "q"}])
def test_a_job_has_a_name(document: Any) -> None:
    assert not reads(specify, document)


def test_a_payload_has_a_limit() -> None:
    with pytest.raises(PayloadTooLarge, match=r"Payload is 11 bytes; the limit is 10\.") as caught:
        specify({"name": "work", "payload": {"a": "xxx"}}, root="/then", max_payload_bytes=10)
    assert caught.value.details["errors"][0]["pointer"] == "/then/payload"
    assert specify({"name": "work", "payload": {"a": "xx"}}, max_payload_bytes=10).payload == b'{"a":"xx"}'


def test_a_payload_that_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(SpecInvalid, match=r"^/payload: "):
        specify({"name": "work", "payload": {"a": object()}})


def test_a_job_inside_a_group_is_not_unique() -> None:
    document = {"name": "work", "unique": {"key": "k"}}
    assert not reads(specify, document, inside="flow")
    assert specify({"name": "work", "unique": None}, inside="flow").unique is None


def of_a_request(document: dict[str, Any]) -> JobSpec:
    return specify(JobSpecIn.model_validate(document).given(), TYPE, QUEUES)


def of_a_schedule(document: dict[str, Any]) -> JobSpec:
    kept = JobSpecIn.model_validate(document).model_dump(mode="json", exclude_unset=True)
    return specify(orjson.loads(orjson.dumps(kept)), TYPE, QUEUES)


def of_a_handler(document: dict[str, Any]) -> JobSpec:
    return specify(document, TYPE, QUEUES)


READERS = [of_a_request, of_a_schedule, of_a_handler]


@pytest.mark.parametrize("read", READERS)
def test_an_absent_field_comes_from_the_type_and_then_from_the_queue(read: Any) -> None:
    spec = read({"name": "work", "retry": {"jitter": 0}})
    assert (spec.queue, spec.priority, spec.redact) == ("typed", 7, ("/card",))
    assert (spec.timeout_ms, spec.expires_ms, spec.deadline_ms, spec.retention_ms) == (
        70_000, 500_000, 600_000, 3_600_000,
    )  # fmt: skip
    assert spec.retry == RetryPolicy(5, "exponential", 4_000, 3_600_000, 0)


@pytest.mark.parametrize("read", READERS)
def test_null_lifts_the_limits_of_the_type(read: Any) -> None:
    spec = read({"name": "work", "expires_seconds": None, "deadline_seconds": None})
    assert (spec.expires_ms, spec.deadline_ms) == (None, None)


@pytest.mark.parametrize("read", READERS)
def test_a_job_in_another_queue_has_the_defaults_of_that_queue(read: Any) -> None:
    spec = read({"name": "work", "queue": "elsewhere"})
    assert (spec.queue, spec.retry.delay_ms, spec.retry.max_attempts) == ("elsewhere", 1_000, 5)


def test_defaults_apply_where_nothing_else_is_given() -> None:
    below = {"retry": {"max_attempts": 8, "jitter": 0}}
    assert specify({"name": "other"}, None, QUEUES, below=below).retry.max_attempts == 8
    retry = specify({"name": "work", "queue": "typed"}, None, QUEUES, below=below).retry
    assert (retry.max_attempts, retry.jitter, retry.delay_ms) == (9, 0, 4_000)


def test_defaults_that_this_version_does_not_know_are_left_out() -> None:
    newer = JobType("work", defaults={"colour": "red", "retry": {"max_attempts": 2, "budget": 9}})
    assert specify({"name": "work"}, newer).retry.max_attempts == 2


def test_a_limit_that_must_not_be_zero_is_at_least_a_millisecond() -> None:
    spec = specify({"name": "work", "timeout_seconds": 0.0001, "unique": {"key": "k", "until": 0.0001}})
    assert spec.timeout_ms == 1
    assert spec.unique is not None
    assert spec.unique.until == 1


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        ("1970-01-01T00:00:00.0001Z", 1),
        (datetime(1970, 1, 1, 0, 0, 0, 100, UTC), 1),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))), -62_135_596_800_000),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=23))), 253_402_300_799_000),
    ],
)
def test_a_time_is_the_next_whole_millisecond_of_the_calendar(time: Any, ms: int) -> None:
    assert read_time(time, "") == ms


def test_a_time_without_a_zone_is_refused() -> None:
    assert not reads(read_time, datetime(2026, 11, 27), "")  # noqa: DTZ001
