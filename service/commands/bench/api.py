"""The measurement's use of the client: it counts failures itself, so that nothing is repeated silently."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx

from service.addresses import is_loopback
from service.commands.connection import check_members
from service.commands.errors import is_temporary
from service.commands.target import Target
from triage_client import (
    ApiError,
    AsyncTriage,
    ConfigurationError,
    NoResponse,
    TriageError,
    UnexpectedResponse,
)

#: The pause between retries, and the timeout of a request, in seconds.
PAUSE, SECONDS = 0.5, 60.0


class Api:
    """Returns documents, or None for an empty response. `send` does not retry: failures count as well."""

    def __init__(self, triage: AsyncTriage) -> None:
        self._triage = triage

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        needs: tuple[str, ...] = (),
        **parameters: Any,
    ) -> Any:
        """Raises TriageError."""
        found = await self._triage.request(method, path, parameters=parameters, body=body)
        if found is not None:
            check_members(f"{self._triage.url}{path} responded with other JSON", [found], needs)
        return found

    async def read_once(self, path: str, needs: tuple[str, ...] = (), **parameters: Any) -> Any:
        """Read without retries. Raises TriageError."""
        return await self.send("GET", path, None, needs, **parameters)

    async def read(self, path: str, **parameters: Any) -> Any:
        """Read, and retry until the API responds; None for 404. Raises TriageError for a permanent error."""
        while True:
            try:
                return await self.read_once(path, (), **parameters)
            except TriageError as error:
                if code_of(error) == "not_found":
                    return None
                if not is_temporary(error):
                    raise
            await asyncio.sleep(PAUSE)


async def open_apis(target: Target, count: int, stack: AsyncExitStack) -> list[Api]:
    """A client per connection: one client with 16 connections uses twice the CPU time per request.

    Raises ConfigurationError.
    """
    first = AsyncTriage(target.url, target.key, timeout=SECONDS, max_retries=0)
    clients = [await stack.enter_async_context(first)]
    address = httpx.URL(first.url)
    direct = is_loopback(address.host)
    # Certificates take longer to load than a measurement needs for a hundred jobs, so the clients share them.
    verify: ssl.SSLContext | bool = (
        False if direct and address.scheme == "http" else httpx.create_ssl_context()
    )
    for _ in range(count - 1):
        try:
            http = await stack.enter_async_context(httpx.AsyncClient(verify=verify, trust_env=not direct))
        except (ImportError, ValueError, OSError) as error:
            raise ConfigurationError(f"The proxy settings cannot be used: {error}") from None
        clients.append(AsyncTriage(target.url, target.key, timeout=SECONDS, max_retries=0, http_client=http))
    return [Api(client) for client in clients]


def code_of(error: TriageError) -> str:
    """The code of a failed request; without a response from the API it names the kind of failure."""
    match error:
        case ApiError():
            return error.code
        case UnexpectedResponse():
            return f"http_{error.status}"
        case NoResponse():
            return "no_response"
        case _:
            return "unusable"


def refusal(problem: Mapping[str, Any]) -> ApiError:
    """The error of one job of a bulk request."""
    return ApiError(problem)
