# Written by `make generate` from triage_client/_async/http.py: change that file.
"""Sends requests of the blocking client, repeats those that may be repeated, and reads the responses."""

import random
import time
from collections.abc import Generator, Iterator, Callable, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from triage_client._sync import io
from triage_client._core.config import Config
from triage_client._core.requests import Repeat, Request, encode, query
from triage_client._core.responses import document_of, error_of
from triage_client._core.retries import Failure, no_response, pause_before
from triage_client.errors import ConfigurationError, NoResponse, TriageError
from triage_client.problems import NotFound

#: The items of a page; the API's limit.
PAGE = 200
#: An idle event stream sends a comment every 15 s; after this time without one, the connection is dead.
SILENCE = 45.0


class Http:
    def __init__(self, config: Config, client: httpx.Client | None = None) -> None:
        self.config = config
        self._owned = client is None
        try:
            self._client = client or io.open_client(config)
        except (ImportError, ValueError, OSError) as error:
            raise ConfigurationError(f"The proxy or certificate settings cannot be used: {error}") from None
        self._headers = config.headers()
        self.sleep: Callable[[float], object] = io.sleep
        self.now: Callable[[], float] = time.monotonic
        self.jitter: Callable[[], float] = random.random

    def close(self) -> None:
        """Close the connections, unless the caller brought the httpx client."""
        if self._owned:
            self._client.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeat: Repeat = Repeat.SAFE,
        wait: float = 0,
        needs: tuple[str, ...] = ("object",),
    ) -> Any:
        """The document of the response, which has the members `needs`; None for an empty response."""
        content = None if body is None else encode(body)
        request = Request(method, path, query(parameters or {}), content, headers or {}, repeat, wait)
        return self.send(request, needs)

    def send(self, request: Request, needs: tuple[str, ...] = ()) -> Any:
        attempt, maybe_applied = 0, False
        while True:
            attempt += 1
            try:
                return document_of(self._once(request), needs)
            except NotFound:
                # An earlier attempt, whose response was lost, deleted it.
                if request.method == "DELETE" and maybe_applied:
                    return None
                raise
            except TriageError as error:
                failure = Failure(error, attempt)
                pause = pause_before(failure, request.repeat, self.config.max_retries, self.jitter())
                if pause is None:
                    raise
                maybe_applied = maybe_applied or not isinstance(error, NoResponse) or error.maybe_applied
            self.sleep(pause)

    def _once(self, request: Request) -> httpx.Response:
        seconds = self.config.timeout
        try:
            return self._client.request(
                request.method,
                self.config.address + request.path,
                params=request.parameters or None,
                content=request.content,
                headers=self._all_headers(request),
                timeout=httpx.Timeout(seconds, read=seconds + request.wait),
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise no_response(self.config.shown, self.config.source, error) from error

    @contextmanager
    def stream(self, request: Request) -> Generator[httpx.Response]:
        """A successful response whose body is still to be read. Callers repeat it; they know from where."""
        seconds = self.config.timeout
        try:
            with self._client.stream(
                request.method,
                self.config.address + request.path,
                params=request.parameters or None,
                headers=self._all_headers(request),
                timeout=httpx.Timeout(seconds, read=max(seconds, SILENCE)),
            ) as response:
                if response.status_code >= 300:
                    response.read()
                    raise error_of(response)
                yield response
        except httpx.HTTPError as error:
            raise no_response(self.config.shown, self.config.source, error) from error

    def _all_headers(self, request: Request) -> dict[str, str]:
        content_type = {} if request.content is None else {"Content-Type": "application/json"}
        return {**self._headers, **content_type, **request.headers}

    def items(
        self, path: str, parameters: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> Iterator[Any]:
        """The items of all pages, at most `limit` of them."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self.json(
                "GET",
                path,
                parameters={**(parameters or {}), "limit": size, "cursor": cursor},
                needs=("items", "next_cursor"),
            )
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])
