"""What asyncio and blocking code do in different ways; `_sync/io.py` is the other one."""

from asyncio import sleep
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

import httpx

from triage_client._core.config import Config

__all__ = ["Rows", "open_client", "rows_of", "sleep"]

Rows = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]


def open_client(config: Config) -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=config.uses_environment, verify=config.verifies)


async def rows_of(rows: Rows) -> AsyncIterator[Mapping[str, Any]]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
