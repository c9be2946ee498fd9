"""Sends an event to an endpoint: one signed request through the outbound guard."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from service.clock import Clock
from workers.calls.failures import printable
from workers.http.headers import USER_AGENT, retry_after, sign
from workers.http.outbound_guard import AddressRefused, Allowed, GuardedTransport
from workers.http.resolver import resolver_of

CONNECT_SECONDS = 3.0
#: The longest description of an error.
MAX_ERROR = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` of the response, or the `error` instead of one; `refused`: it must not be tried again."""

    status: int | None
    error: str | None = None
    refused: bool = False
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class EventRequests:
    """Sends requests to public addresses, and to those that TRIAGE_HTTP_ALLOW names."""

    def __init__(self, http_allow: str, clock: Clock, seconds: float, namespace: str) -> None:
        """`seconds`: how long one attempt may take in all."""
        self.seconds = seconds
        self._namespace = namespace
        self._allowed = Allowed.parse(http_allow)
        self._clock = clock

    async def send(self, url: str, id: str, secrets: tuple[str, ...], body: bytes) -> Reply:
        """Never raises for what the receiver does. Reads no body, and follows no redirect."""
        now = self._clock.now_ms() / 1000
        headers = {
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-type": "application/json",
            **sign(secrets, id, int(now), body),
        }
        try:
            async with asyncio.timeout(self.seconds):
                return await self._send(url, headers, body, now)
        except (AddressRefused, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            return Reply(None, printable(str(error), MAX_ERROR), refused=True)
        except (TimeoutError, httpx.TimeoutException):
            return Reply(None, f"no response within {self.seconds:g} seconds")
        except httpx.HTTPError as error:
            return Reply(None, printable(str(error) or type(error).__name__, MAX_ERROR))

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        timeout = httpx.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))
        transport = GuardedTransport(self._allowed, resolver_of(self._namespace).addresses)
        async with httpx.AsyncClient(
            transport=transport, follow_redirects=False, trust_env=False, timeout=timeout
        ) as client:
            request = httpx.Request("POST", url, headers=headers, content=body)
            response = await client.send(request, stream=True)
            wait = response.headers.get("retry-after")
            await response.aclose()
        return Reply(response.status_code, retry_after=None if wait is None else retry_after(wait, now))
