import dataclasses
import enum
import math
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from pydantic import BaseModel

from workers.calls.invocation import Handler, PayloadMismatch, ResultInvalid, describe, encode_result
from workers.handler import job
from workers.handling.registry import handler_of


class Card(BaseModel):
    number: str
    cents: int = 0


async def plain(ctx, to: str, at: datetime | None = None, json: dict[str, int] | None = None): ...


@job
async def strict(ctx, to: str, at: datetime | None = None): ...


async def open_ended(ctx, to: str, **rest): ...
async def spread(ctx, *numbers): ...
async def nameless(ctx, to: str, count: int = 2, /): ...
async def whole(ctx, card: Card): ...
async def named_args(ctx, args: list[int]): ...


def call(function, payload):
    return handler_of(function).bind(payload)


def test_a_payload_becomes_typed_arguments():
    assert call(plain, {"to": "a", "at": "2026-01-01T00:00:00Z"}) == (
        [],
        {"to": "a", "at": datetime(2026, 1, 1, tzinfo=UTC)},
    )


def test_a_parameter_may_have_the_name_of_a_pydantic_method():
    assert call(plain, {"to": "a", "json": {"x": 1}}) == ([], {"to": "a", "json": {"x": 1}})


@pytest.mark.parametrize(
    ("function", "payload", "path"),
    [
        (plain, {}, "/to"),
        (strict, {}, "/to"),
        (strict, {"to": 1}, "/to"),
        (plain, {"to": "a", "tu": 1}, "/tu"),
        (whole, {"number": "1", "cents": "x"}, "/cents"),
        (plain, ["a"], "must be a JSON object"),
        (plain, {"args": ["a", None, None, 4]}, "too many positional"),
        (spread, {"args": 3}, "/args"),
        (spread, {"unknown": 3}, "unexpected keyword"),
    ],
)
def test_a_payload_that_does_not_fit_says_where(function, payload, path):
    with pytest.raises(PayloadMismatch, match=path):
        call(function, payload)


def test_a_mismatch_does_not_quote_the_offending_value():
    with pytest.raises(PayloadMismatch) as caught:
        call(strict, {"to": ["secret"]})
    assert "secret" not in str(caught.value)


async def annotated(ctx, at: datetime, tags: set[str] = set(), card: Card | None = None, n: int = 0): ...  # noqa: B006


def test_annotations_of_an_arq_function_convert_values_and_refuse_none():
    given = {"at": "2026-01-01T00:00:00Z", "tags": ["a", "a"], "card": {"number": "4"}, "n": "5"}
    assert call(annotated, given)[1] == {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "tags": {"a"},
        "card": Card(number="4"),
        "n": "5",
    }
    wrong = {"at": "soon", "tags": None, "card": 3, "n": None}
    assert call(annotated, wrong) == ([], wrong)


def test_the_schema_of_an_arq_function_names_its_parameters_and_no_types():
    assert handler_of(plain).schema() == {
        "title": "plain payload",
        "type": "object",
        "properties": {"to": {}, "at": {}, "json": {}},
        "required": ["to"],
        "additionalProperties": False,
    }
    opened = handler_of(open_ended).schema()
    assert opened is not None
    assert opened["additionalProperties"] is True


def test_a_model_takes_the_whole_payload():
    assert call(whole, {"number": "4"}) == ([], {"card": Card(number="4")})


def test_positional_arguments_from_another_worker_still_fit():
    assert call(plain, {"args": ["a@b.c"]}) == ([], {"to": "a@b.c"})
    assert call(whole, {"args": [{"number": "4"}]}) == ([], {"card": Card(number="4")})
    assert call(spread, {"args": [1, 2]}) == ([1, 2], {})


def test_a_parameter_called_args_is_an_ordinary_one():
    assert call(named_args, {"args": [1, 2]}) == ([], {"args": [1, 2]})


def test_parameters_without_a_name_are_passed_by_position():
    assert call(nameless, {"to": "a", "count": 3}) == (["a", 3], {})


def test_extra_members_reach_a_handler_that_takes_them():
    assert call(open_ended, {"to": "a", "more": 1}) == ([], {"to": "a", "more": 1})


def test_arq_calls_are_given_the_names_of_their_parameters():
    assert handler_of(plain).name_arguments(("a",), {"json": {}}) == {"to": "a", "json": {}}
    assert handler_of(open_ended).name_arguments(("a",), {"more": 1}) == {"to": "a", "more": 1}
    assert handler_of(whole).name_arguments((Card(number="4"),), {}) == {"number": "4", "cents": 0}
    assert handler_of(whole).name_arguments((), {"card": Card(number="4")}) == {"number": "4", "cents": 0}
    assert handler_of(spread).name_arguments((1, 2), {}) == {"args": [1, 2]}


@pytest.mark.parametrize(("args", "kwargs"), [((1, 2, 3, 4), {}), (("a",), {"to": "b"}), ((), {"nope": 1})])
def test_an_arq_call_with_wrong_arguments_is_refused(args, kwargs):
    with pytest.raises(TypeError):
        handler_of(plain).name_arguments(args, kwargs)


def test_the_schema_uses_the_names_of_the_parameters():
    schema = handler_of(plain).schema()
    assert schema is not None
    assert set(schema["properties"]) == {"to", "at", "json"}
    assert schema["required"] == ["to"]
    assert handler_of(spread).schema() is None


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        ([1, "a", None], b'[1,"a",null]'),
        (Card(number="4", cents=1), b'{"number":"4","cents":1}'),
        ({"card": Card(number="4")}, b'{"card":{"number":"4","cents":0}}'),
        (Point(1.5), b'{"x":1.5}'),
        (datetime(2026, 1, 1, tzinfo=UTC), b'"2026-01-01T00:00:00+00:00"'),
        (Colour.RED, b'"red"'),
        ({1: 2}, b'{"1":2}'),
        ({3}, b"[3]"),
        (Decimal("1.10"), b'"1.10"'),
        (2**63, b"9223372036854775808"),
        ("null", b'"null"'),
    ],
)
def test_a_result_becomes_json(value, text):
    assert encode_result(value, 1000) == text


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [math.inf],
        {"a": {"b": -math.inf}},
        Point(math.nan),
        [Card.model_construct(number="4", cents=math.nan)],
        object(),
        2**64,
        "\ud800",
        LOOP,
        b"bytes",
        (item for item in "ab"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_result_that_is_not_json_is_refused(value):
    with pytest.raises(ResultInvalid):
        encode_result(value, 1000)


def test_a_result_at_its_limit_is_kept_and_one_byte_more_is_not():
    assert encode_result("x" * 8, 10) == b'"xxxxxxxx"'
    with pytest.raises(ResultInvalid, match="11 bytes"):
        encode_result("x" * 9, 10)


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


class Rude(Exception):
    def __str__(self):
        raise SystemExit(3)


@pytest.mark.parametrize("error", [Mute(), Rude()])
def test_an_error_that_cannot_describe_itself_is_described(error):
    failure = describe(error)
    assert failure.type == type(error).__name__
    assert failure.message


def test_a_failure_is_bounded_in_bytes_and_keeps_the_end_of_its_traceback():
    try:
        raise type("N" * 500, (ValueError,), {})("\N{GRINNING FACE}" * 9_000 + "the end")
    except ValueError as error:
        failure = describe(error)
    assert len(failure.type.encode()) <= 200
    assert 4_000 < len(failure.message.encode()) <= 4_096
    assert len(failure.traceback.encode()) <= 16_384
    assert failure.traceback.endswith("the end\n")


def test_a_failure_holds_no_surrogates_and_no_control_characters():
    failure = describe(ValueError("a\x00\x1b[31m\ud800\x9bb\n\tc"))
    assert orjson.loads(orjson.dumps(failure.message)) == "a\ufffd\ufffd[31m\ufffd\ufffdb\n\tc"


def test_a_decorated_function_is_bound_like_any_other():
    @job
    async def send(ctx, to: str): ...

    handler = handler_of(send)
    assert isinstance(handler, Handler)
    assert handler.bind({"to": "a"}) == ([], {"to": "a"})
