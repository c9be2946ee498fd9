"""The request that `triage dev` prints has a payload that fits the schema of a loaded job type."""

import datetime
import json
import shlex
import uuid
from enum import Enum
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from service.dev_server.example_payload import example_payload
from service.dev_server.welcome import own_names, welcome
from workers.handling.functions import handler_of


class Colour(Enum):
    RED = "red"


class Part(BaseModel):
    sku: str = Field(min_length=12)
    count: int = Field(ge=3)
    colour: Colour


class Order(BaseModel):
    order_id: str
    parts: list[Part] = Field(min_length=1)
    at: datetime.datetime
    key: uuid.UUID
    ratio: float = Field(gt=2)
    kind: Literal["new", "old"]
    either: int | str
    maybe: bool | None
    note: str = "none"


async def ship(ctx: Any, payload: Order) -> None: ...


async def arq_function(ctx: Any, to: Any, copies: int = 1) -> None: ...


@pytest.mark.parametrize("function", [ship, arq_function])
def test_the_payload_fits_its_schema(function: Any) -> None:
    schema = handler_of(function).schema()
    assert schema is not None
    payload = example_payload(schema)
    Draft202012Validator(schema).validate(payload)
    assert set(payload) == set(schema["required"])
    handler_of(function).bind(payload)


def test_no_schema_is_an_empty_payload_and_a_circle_ends() -> None:
    assert example_payload(None) == {}
    circle = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "type": "object", "required": ["a"]}
    assert "a" in example_payload({**circle, "properties": {"a": {"$ref": "#/$defs/a"}}})


def row(name: str, *required: str) -> dict[str, Any]:
    schema = {"type": "object", "required": list(required)}
    return {
        "name": name,
        "payload_schema": {**schema, "properties": {key: {"type": "string"} for key in required}},
    }


TYPES = [
    row("http.request", "url"),
    row("send_it", "a_id", "b"),
    row("send-it", "a_id", "b"),
    row("z", "user_id"),
]


def test_the_simplest_type_of_the_users_own_is_shown() -> None:
    text = welcome("http://h:1", TYPES, "shop,mail", sample=False)
    assert "Handlers: shop, mail\n" in text
    assert "Job types: send-it, z\n" in text
    (line,) = [line for line in text.splitlines() if "curl" in line]
    words = shlex.split(line)
    assert json.loads(words[-1]) == {"name": "z", "payload": {"user_id": "u-1"}}
    assert "http://h:1/v1/jobs" in words
    assert own_names(TYPES) == ["send-it", "z"]


def test_without_known_types_the_sample_is_shown() -> None:
    text = welcome("http://h:1", None, "workers.handlers", sample=True)
    assert '{"name": "send-alert", "payload": {"user_id": "u-1"}}' in text
    assert "sample handlers" in text
