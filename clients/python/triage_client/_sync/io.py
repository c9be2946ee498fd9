"""What asyncio and blocking code do in different ways; `_async/io.py` is the other one."""

from collections.abc import Iterable, Iterator, Mapping
from time import sleep
from typing import Any

import httpx

from triage_client._core.config import Config

__all__ = ["Rows", "open_client", "rows_of", "sleep"]

Rows = Iterable[Mapping[str, Any]]


def open_client(config: Config) -> httpx.Client:
    return httpx.Client(trust_env=config.uses_environment, verify=config.verifies)


def rows_of(rows: Rows) -> Iterator[Mapping[str, Any]]:
    yield from rows
