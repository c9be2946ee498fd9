# Written by `make generate` from triage_client/_async/fan_out.py: change that file.
"""Sends the items of a fan-out."""

from collections.abc import Iterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from triage_client._sync import io
from triage_client._sync.groups import FanOut
from triage_client._sync.http import Http
from triage_client._core.requests import Request, encode, new_key, path
from triage_client._core.submissions import Chunk, Chunker
from triage_client.errors import ItemsRejected, TriageError
from triage_client.types import FanOutOut, ItemsOut


@dataclass(frozen=True)
class Sending:
    """How the items are sent: at most `chunk` in a request."""

    chunk: int
    key: str | None
    headers: Mapping[str, str]
    on_sent: Callable[[int], object]


def send_items(
    http: Http, spec: Mapping[str, Any], rows: io.Rows, sending: Sending
) -> FanOut:
    """Create a fan-out, send its items and seal it."""
    headers = {"Idempotency-Key": sending.key or new_key(), **sending.headers}
    chunks = _chunks(rows, sending.chunk)
    first = next(chunks)
    if first.is_last:
        # It fits into one request.
        body = encode(spec)[:-1] + b',"items":[' + b",".join(first.items) + b"]}"
        data: FanOutOut = http.send(
            Request("POST", "/v1/fan-outs", content=body, headers=headers), ("object",)
        )
        sending.on_sent(len(first.items))
        return FanOut(http, data["id"], data)
    data = http.json("POST", "/v1/fan-outs", body={**spec, "sealed": False}, headers=headers)
    fan_out = FanOut(http, data["id"], data)
    try:
        count = _send_chunks(http, fan_out, first, chunks, sending)
    except BaseException as error:
        # Without a key nothing can continue it, so the API need not wait for an hour until it cancels it.
        if sending.key is None or isinstance(error, ItemsRejected):
            with suppress(TriageError):
                fan_out.cancel()
        raise
    sealed = http.json("POST", path("/v1/fan-outs/{}/seal", fan_out.id), body={"expected_count": count})
    return fan_out.load(sealed)


def _send_chunks(
    http: Http,
    fan_out: FanOut,
    chunk: Chunk,
    others: Iterator[Chunk],
    sending: Sending,
) -> int:
    """Returns the number of items."""
    start = next_index = 0
    place = path("/v1/fan-outs/{}/items", fan_out.id)
    while True:
        # The first chunk is always sent, because its response says where to resume.
        if start == 0 or start + len(chunk.items) > next_index:
            body = b'{"start_index":%d,"items":[%s]}' % (start, b",".join(chunk.items))
            found: ItemsOut = http.send(
                Request("POST", place, content=body, headers=sending.headers), ("next_index", "rejected")
            )
            next_index = found["next_index"]
            if found["rejected"]:
                raise ItemsRejected(fan_out.id, found["rejected"])
        start += len(chunk.items)
        sending.on_sent(start)
        if chunk.is_last:
            return start
        chunk = next(others)


def _chunks(rows: io.Rows, size: int) -> Iterator[Chunk]:
    """At least one; the last may be empty."""
    chunker = Chunker(size)
    for row in io.rows_of(rows):
        if chunk := chunker.add(encode(row)):
            yield chunk
    yield chunker.last()
