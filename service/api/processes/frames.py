"""Messages between the supervisor and its processes: JSON behind its length, over a socket pair."""

import asyncio
from typing import Any

import orjson

_LENGTH_BYTES = 4


def write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)


async def read(reader: asyncio.StreamReader) -> bytes:
    """Raises IncompleteReadError once the other end has closed its socket."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big"))


def request(counted: dict[str, Any], page: bool = False, namespace: str | None = None) -> bytes:
    """What a process has counted, and whether it needs the metrics of all processes; see HttpMetrics.page."""
    return orjson.dumps({"counted": counted, "page": page, "namespace": namespace})
