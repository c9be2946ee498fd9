"""Reading a body piece by piece accepts and refuses exactly what parsing it at once does."""

import asyncio
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import time_slices
from service.api.requests.streamed_items import Many, open_envelope
from service.api.requests.strict_json import parse
from service.api.resources.fan_out_items import check_all, in_batches
from service.api.responses.errors import BodyTooLarge, JsonInvalid, ValidationFailed
from service.api.schemas.parts.raw_items import RawItems
from service.domain.fan_out import Item

pytestmark = pytest.mark.anyio

LIST = Many("items", 1_000)
OBJECT = Many("items", 1_000, b"{")
JOB_BYTES = 10_000

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('items\\"é ', max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)
spaces = st.text(" \t\n\r", max_size=3)


async def read(body: bytes, many: Many = LIST) -> Any:
    """The document with its items parsed, as `parse` would return it."""
    found = await open_envelope(body, many, JOB_BYTES)
    if isinstance(found, dict) and isinstance(items := found.get("items"), RawItems):
        texts = [parse(text) for text in items]
        found["items"] = texts if many is LIST else dict(zip(items.keys, texts, strict=True))
    return found


@given(document=values, items=st.lists(values), space=spaces, first=st.booleans())
async def test_a_document_is_read_as_a_whole_one_is(
    document: Any, items: list[Any], space: str, first: bool
) -> None:
    members = document if isinstance(document, dict) else {"other": document}
    members = {key: value for key, value in members.items() if key != "items"}
    members = {"items": items, **members} if first else {**members, "items": items}
    text = orjson.dumps(members, option=orjson.OPT_INDENT_2 if space else 0)
    body = space.encode() + text + space.encode()
    for many in (LIST, OBJECT):
        assert await read(body, many) == members
        assert await read(body.replace(b'"items"', b'"\\u0069tems"'), many) == parse(
            body.replace(b'"items"', b'"\\u0069tems"')
        )


@given(items=st.dictionaries(st.text(max_size=5).filter(str.isprintable), values))
async def test_members_of_an_object_keep_their_keys(items: dict[str, Any]) -> None:
    body = orjson.dumps({"items": items})
    assert await read(body, OBJECT) == {"items": items}


NOT_JSON = [
    b"", b"{", b'{"items":[', b'{"items":[1,]}', b'{"items":[,1]}', b'{"items":[1 2]}', b'{"items":[1]]}',
    b'{"items":[1]} x', b'{"items":[1},"a":1}', b'{"items":[NaN]}', b'{"items":[1]"a":1}', b'{items:[1]}',
    b'{"items":[{"a":1,"a":2}]}', b'{"items":[1],"items":[2]}', b'{"a":1,"a":2,"items":[]}', b'{"items" [1]}',
    b'{"items":["\\ud800"]}', b'{"items":["a]}', b'{"items":[[}]}', b'{"a":[}],"items":[]}', b'{,"items":[]}',
    b'{"items":[]}}', b'{"items":[],}', b'{"items":["\xff"]}', b'{"items":[1]\x00}', b'{"a":tru,"items":[]}',
    b'{"items":[' + b"[" * 65 + b"]" * 65 + b"]}", b'{"items":[1e999]}', b'{"items":[99999999999999999999]}',
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON)
async def test_invalid_json_is_refused(body: bytes) -> None:
    with pytest.raises(JsonInvalid):
        parse(body)
    with pytest.raises(JsonInvalid):
        await read(body)


async def test_a_key_twice_is_refused_among_many() -> None:
    with pytest.raises(JsonInvalid, match="duplicate key"):
        await read(b'{"items":{"a":1,"\\u0061":2}}', OBJECT)


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"', b"{}", b'{"items":5}', b'{"items":{}}'])
async def test_a_document_without_items_is_left_to_its_schema(body: bytes) -> None:
    assert await read(body) == parse(body)


async def test_items_have_a_number_and_a_size() -> None:
    assert len((await read(b'{"items":[' + b"1," * 999 + b"1]}"))["items"]) == 1_000
    with pytest.raises(ValidationFailed):
        await read(b'{"items":[' + b"1," * 1_000 + b"1]}")
    for large in (b'{"items":["' + b"a" * 90_000 + b'"]}', b'{"items":[],"a":"' + b"a" * 90_000 + b'"}'):
        with pytest.raises(BodyTooLarge):
            await read(large)


async def test_a_large_body_that_is_not_json_is_not_called_large() -> None:
    with pytest.raises(JsonInvalid):
        await read(b'{"items":[1 2' + b",1" * 90_000 + b"]}")


def flow_of(members: int) -> bytes:
    return orjson.dumps({"items": {str(number): number for number in range(members)}})


@pytest.mark.parametrize(
    ("body", "many"),
    [
        (b'{"items":[' + b"1," * 999 + b"1]}", LIST),
        (flow_of(1_000), OBJECT),
        (orjson.dumps({"items": ["x" * 9_000] * 140}), LIST),
    ],
    ids=["many items", "many members", "large items"],
)
async def test_other_tasks_run_while_a_body_is_read(
    body: bytes, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_slices, "SLICE_SECONDS", 0.0)
    loop, rounds, reading = asyncio.get_running_loop(), 0, True

    def turn() -> None:
        nonlocal rounds
        if reading:
            rounds += 1
            loop.call_soon(turn)

    turn()
    await read(body, many)
    reading = False
    # The reader yields once per 64 items, and once per 64 KiB.
    assert rounds >= 15


async def test_other_tasks_run_while_items_are_checked_and_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_slices, "SLICE_SECONDS", 0.0)
    loop, rounds, reading = asyncio.get_running_loop(), 0, True

    def turn() -> None:
        nonlocal rounds
        if reading:
            rounds += 1
            loop.call_soon(turn)

    turn()
    reader: Any = mock.Mock(read=mock.AsyncMock(return_value=Item(0, b"{}")))
    await check_all(reader, [b"{}"] * 50)
    checked = rounds
    assert [len(portion) async for portion in in_batches(reader, [b"{}"] * 50, 25)] == [25, 25]
    reading = False
    assert checked >= 40
    assert rounds - checked >= 40
