"""The API as the measurement calls it: over connections that stay open."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

#: Statuses of answers after which the same request may succeed later.
LATER = (429, 502, 503, 504)
#: Seconds until it is asked again.
PAUSE = 0.5


class Refused(Exception):
    """No good answer. `code` is that of the problem; of no answer at all (`status` 0), what went wrong."""

    def __init__(self, status: int, code: str, message: str, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.rows = status, code, rows


class Api:
    """Answers are documents, None where there is none. `send` tries once: a failure is a figure too."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self, method: str, path: str, content: bytes | None = None, **parameters: str | float
    ) -> Any:
        """Raises Refused."""
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            answer = await self._client.request(
                method, path, content=content, params=parameters or None, headers=headers
            )
        except httpx.HTTPError as error:
            code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
            url = str(self._client.base_url).rstrip("/")
            raise Refused(0, code, f"{url} cannot be reached: {error or code}") from None
        if answer.status_code >= 400:
            raise _refused(answer)
        try:
            return orjson.loads(answer.content) if answer.content else None
        except orjson.JSONDecodeError:
            raise Refused(answer.status_code, "not_json", f"{answer.url} is not Triage") from None

    async def look(self, path: str, **parameters: str | float) -> Any:
        """Reads, with one try. Raises Refused."""
        return await self.send("GET", path, None, **parameters)

    async def ask(self, path: str, **parameters: str | float) -> Any:
        """Reads, until there is an answer; None for what does not exist. Raises Refused for what stays so."""
        while True:
            try:
                return await self.look(path, **parameters)
            except Refused as error:
                if error.status == 404:
                    return None
                if error.status and error.status not in LATER:
                    raise
            await asyncio.sleep(PAUSE)


def _refused(answer: httpx.Response) -> Refused:
    status = answer.status_code
    try:
        problem = orjson.loads(answer.content)
        text = f"{status} {problem['code']}: {problem['detail']}"
        return Refused(status, problem["code"], text, problem.get("errors", ()))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        # Not from Triage: a proxy on the way, or another server.
        return Refused(status, f"http_{status}", f"{answer.url} answered {status} {answer.reason_phrase}")
