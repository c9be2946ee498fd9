"""The measurement's client of the API, which keeps its connections open."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from service.commands.connection import unreachable
from service.commands.responses import LATER, Refused, document_of

__all__ = ["PAUSE", "Api", "Refused"]

#: The pause between retries, in seconds.
PAUSE = 0.5


class Api:
    """Returns documents, or None for an empty response. `send` does not retry: failures count as well."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        needs: Sequence[str] = (),
        **parameters: str | float,
    ) -> Any:
        """Raises Refused."""
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            response = await self._client.request(
                method, path, content=content, params=parameters or None, headers=headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(str(self._client.base_url).rstrip("/"), error) from None
        return document_of(response, needs)

    async def read_once(self, path: str, needs: Sequence[str] = (), **parameters: str | float) -> Any:
        """Read without retries. Raises Refused."""
        return await self.send("GET", path, None, needs, **parameters)

    async def read(self, path: str, **parameters: str | float) -> Any:
        """Read, and retry until the API responds; None for 404. Raises Refused for a permanent error."""
        while True:
            try:
                return await self.read_once(path, (), **parameters)
            except Refused as error:
                if error.code == "not_found":
                    return None
                if error.status and error.status not in LATER:
                    raise
            await asyncio.sleep(PAUSE)
