"""The API as the measurement calls it: over connections that stay open."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from service.commands.answers import LATER, Refused, document_of
from service.commands.connection import unreachable

__all__ = ["PAUSE", "Api", "Refused"]

#: Seconds until it is asked again.
PAUSE = 0.5


class Api:
    """Answers are documents, None where there is none. `send` tries once: a failure is a figure too."""

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
            answer = await self._client.request(
                method, path, content=content, params=parameters or None, headers=headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(str(self._client.base_url).rstrip("/"), error) from None
        return document_of(answer, needs)

    async def look(self, path: str, needs: Sequence[str] = (), **parameters: str | float) -> Any:
        """Reads, with one try. Raises Refused."""
        return await self.send("GET", path, None, needs, **parameters)

    async def ask(self, path: str, **parameters: str | float) -> Any:
        """Reads until the API responds; None for 404. Raises Refused for a permanent error."""
        while True:
            try:
                return await self.look(path, (), **parameters)
            except Refused as error:
                if error.code == "not_found":
                    return None
                if error.status and error.status not in LATER:
                    raise
            await asyncio.sleep(PAUSE)
