"""Pointers of redact=: which are valid, and which members of a schema they can name."""

from typing import Any

import pytest
from pydantic import BaseModel

from service.domain.redaction import can_match, parse_pointer


@pytest.mark.parametrize("pointer", ["", "card", "/", "/card/", "//number", "/a~2b", "/a~", "/card\n"])
def test_an_invalid_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match="JSON pointer"):
        parse_pointer(pointer)


def test_a_pointer_is_unescaped_in_the_order_of_its_standard() -> None:
    assert parse_pointer("/a~1b/~01/*/0") == ("a/b", "~1", "*", "0")


class Card(BaseModel):
    number: str
    owner: "Person | None" = None


class Person(BaseModel):
    cards: list[Card] = []
    pair: tuple[int, Card] | None = None
    extra: dict[str, Card] = {}
    anything: Any = None


@pytest.mark.parametrize(
    ("pointer", "can"),
    [
        ("/cards", True),
        ("/cards/*/number", True),
        ("/cards/0/number", True),
        ("/cards/*/owner/cards/*/number", True),
        ("/extra/*/number", True),
        ("/extra/first/number", True),
        ("/pair/1/number", True),
        ("/*/number", True),
        ("/anything/at/all", True),
        ("/card", True),  # the model takes what it does not name
        ("/cards/number", False),
        ("/cards/*/name/first", False),
        ("/cards/*/number/0", False),
        ("/pair/0/number", False),
    ],
)
def test_a_pointer_is_checked_against_a_schema(pointer: str, can: bool) -> None:
    schema = Person.model_json_schema()
    schema["$defs"]["Card"]["additionalProperties"] = False
    assert can_match(schema, parse_pointer(pointer)) is can


def test_a_schema_without_further_members_is_trusted() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    assert not can_match(schema, ("b",))
    assert not can_match(False, ("a",))
    assert can_match(True, ("a", "b"))
