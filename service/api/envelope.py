"""Bodies with very many items: the envelope is read at once, the items stay text until their turn."""

from typing import Any

import msgspec

from service.api.errors import JsonInvalid
from service.api.intake import StrictRequest, StrictRoute, parse

_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class EnvelopeRequest(StrictRequest):
    """`items` come as msgspec.Raw, views into the body: 100,000 dictionaries would take 50 MB."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            # Grown in place: joined chunks would for a moment be there twice.
            body = bytearray()
            async for chunk in self.stream():
                body += chunk
            self._body = body
        return self._body  # type: ignore[return-value]  # nobody writes to it

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = _open(await self.body())
        return self._json


class EnvelopeRoute(StrictRoute):
    """A route whose `items` it reads itself, one by one and as strictly."""

    request_class = EnvelopeRequest


def _open(body: bytes) -> Any:
    try:
        members = _ENVELOPE.decode(body)
        raw_items = members.pop("items", None)
        items: Any = [] if raw_items is None else _items(raw_items)
    except msgspec.ValidationError:
        # Not an object: its schema refuses it, whatever it holds.
        return None if body.strip() == b"null" else []
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JsonInvalid(f"The request body is not valid JSON: {error}.") from None
    if raw_items is None:
        return parse(bytes(body))
    # Held to the rules of all bodies as a whole, with a stand-in for the items: they are read later.
    start = body.find(memoryview(raw_items))
    parse(b"".join((body[:start], b"0", body[start + len(memoryview(raw_items)) :])))
    return {name: parse(bytes(raw)) for name, raw in members.items()} | {"items": items}


def _items(raw: msgspec.Raw) -> Any:
    try:
        return _LIST.decode(raw)
    except msgspec.ValidationError:
        return parse(bytes(raw))
