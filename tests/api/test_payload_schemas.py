"""Validating a payload against a handler's schema takes linear time and does not block the event loop."""

import re
from typing import Any

import pytest

from service.api.payload_schemas import MOST_STEPS, PayloadSchema
from tests.support.loop_lag import longest_step

pytestmark = pytest.mark.anyio

#: In seconds: ten times the goal, because the machine may be busy.
HELD = 0.5
BACKTRACKS = r"^([A-Za-z0-9]+[._-]?)+@[a-z.]+$"


async def errors(schema: dict[str, Any], payload: Any) -> list[tuple[str, str]]:
    rows = await PayloadSchema(schema).errors(payload)
    return [(row["pointer"], row["code"]) for row in rows]


def of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 1.0], False), ([1, True], True), ([0, False], True), ([1, "1"], True), ([None, "None"], True),
        ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], False), ([{"a": 1}, {"a": True}], True),
        ([[1, 2], [2, 1]], True), ([[1, [2]], [1.0, [2]]], False), ([], True), ([1.5, 1.5], False),
        ([2**60, float(2**60)], False), ([["a"], "a"], True), ([{}, []], True),
    ],
)  # fmt: skip
async def test_items_are_unique_as_json_schema_says(items: list[Any], unique: bool) -> None:
    found = await errors(of({"type": "array", "uniqueItems": True}), {"a": items})
    assert found == ([] if unique else [("/a", "uniqueItems")])


#: A backtracking engine doubles its time with each letter; with so few, a failing test still ends in seconds.
SPELT = "a" * 26 + "!"
HARD = {
    "a set": (
        of({"type": "array", "uniqueItems": True}),
        [i if i % 2 else str(i) for i in range(4_000)],
        None,
    ),
    "a set of objects": (of({"uniqueItems": True}), [{"k": i} for i in range(4_000)], None),
    "a pattern": (of({"pattern": BACKTRACKS}), SPELT, "pattern"),
    "a long text": (of({"pattern": "^([a-z]+ ?)*$"}), "word " * 12_000 + "end", None),
    "names": (of({"patternProperties": {BACKTRACKS: False}}), {SPELT: 1}, None),
    "other names": (
        of({"patternProperties": {BACKTRACKS: {}}, "additionalProperties": False}),
        {SPELT: 1},
        "additionalProperties",
    ),
    "numbers": (of({"items": {"type": "integer"}}), [1] * 30_000, None),
    "choices": (of({"items": {"enum": [str(i) for i in range(1_000)]}}), ["999"] * 4_000, None),
    "branches": (of({"items": {"anyOf": [{"type": "string"}] * 60 + [{}]}}), [1] * 30_000, "too_complex"),
    "alternatives that quote": (
        of({"anyOf": [{"type": "string"}] * 480}),
        [{f"k{i}": "x"} for i in range(20_000)],
        "anyOf",
    ),
    "patterns that compile slowly": (
        of({"allOf": [{"pattern": rf"(?:\w{{1,40}}[ab]){{{200 + i}}}c"} for i in range(10)]}),
        "ab" * 100,
        None,
    ),
    "patterns that match slowly": (
        of({"allOf": [{"pattern": rf"(?:[ab]{{0,30}}a[ab]{{20}}){{{20 + i}}}c"} for i in range(50)]}),
        "ab" * 30_000,
        None,
    ),
    "unevaluated": (of({"unevaluatedItems": False, "anyOf": [{"items": {}}]}), [1] * 20_000, None),
}


@pytest.mark.parametrize(("schema", "payload", "code"), HARD.values(), ids=HARD.keys())
async def test_a_hard_payload_does_not_hold_the_loop(
    schema: dict[str, Any], payload: Any, code: str | None
) -> None:
    with longest_step() as longest:
        found = await errors(schema, {"a": payload})
    assert longest[0] < HELD
    assert [row[1] for row in found][:1] == ([] if code is None else [code])


async def test_a_schema_that_refers_to_itself_is_cut_off() -> None:
    twice: dict[str, Any] = {"$defs": {"n": {"allOf": [{"items": {"$ref": "#/$defs/n"}}] * 3}}}
    payload: Any = []
    for _ in range(30):
        payload = [payload]
    assert await errors({**twice, "$ref": "#/$defs/n"}, payload) == [("", "too_complex")]
    assert await errors({"$ref": "#"}, {}) == [("", "too_complex")]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no-such-type"}, {"$ref": "http://127.0.0.1:1/schema"}, {"$ref": "#/nowhere"},
        {"properties": {"a": {"pattern": "("}}}, {"properties": {"a": {"pattern": "(?=a)b"}}},
        {"properties": {"a": {"minLength": "x"}}}, {"properties": 5},
    ],
)  # fmt: skip
async def test_a_schema_that_cannot_be_read_is_left_to_the_handler(schema: dict[str, Any]) -> None:
    assert await errors(schema, {"a": "text"}) == []


async def test_errors_have_pointer_and_code_and_quote_nothing() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a/b~": {"type": "integer"},
            "list": {"items": {"pattern": "^x"}},
            "c": {"enum": [1, "d"]},
        },
        "required": ["missing"],
        "additionalProperties": False,
    }
    payload = {"a/b~": "secret", "list": ["xy", "secret"], "c": True, "secret": 1}
    rows = await PayloadSchema(schema).errors(payload)
    assert sorted((row["pointer"], row["code"]) for row in rows) == [
        ("", "required"), ("/a~1b~0", "type"), ("/c", "enum"), ("/list/1", "pattern"),
        ("/secret", "additionalProperties"),
    ]  # fmt: skip
    assert not re.search("secret", "".join(row["message"] for row in rows))


async def test_many_problems_are_cut() -> None:
    assert len(await errors(of({"items": {"type": "string"}}), {"a": [1] * 5_000})) == 100
    assert MOST_STEPS >= 100_000, "the largest payload was not checked completely"
