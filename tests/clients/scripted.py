"""A client whose responses the test has written down, and whose pauses take no time."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx
import orjson

from triage_client import AsyncTriage

Outcome = httpx.Response | Exception


class Script:
    """Returns one response after the other, and the last one forever. Records requests and pauses."""

    def __init__(self, *outcomes: Outcome | Callable[[], Outcome], **options: Any) -> None:
        self._outcomes = list(outcomes)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.now = 0.0
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(self._respond))
        self.triage = AsyncTriage("http://triage", "key", http_client=http_client, **options)
        self.triage.http.sleep = self._sleep
        self.triage.http.jitter = lambda: 1.0
        self.triage.http.now = lambda: self.now

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        outcome = outcome if isinstance(outcome, httpx.Response | Exception) else outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def problem(status: int, code: str, retryable: bool = False, **headers: str) -> httpx.Response:
    document = {
        "status": status,
        "code": code,
        "detail": "detail",
        "retryable": retryable,
        "request_id": "req_1",
    }
    return httpx.Response(status, json=document, headers=headers)


def job(state: str = "queued", **members: Any) -> httpx.Response:
    document = {"id": "job_1", "object": "job", "state": state, "version": 1, "truncated": [], **members}
    return httpx.Response(200, json=document)


def stream(media_type: str, parts: Iterable[bytes | Exception]) -> Callable[[], httpx.Response]:
    """A response that arrives in parts, and may break."""

    class Parts(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                yield part

    return lambda: httpx.Response(200, headers={"Content-Type": media_type}, stream=Parts())


def event(state: str, version: int) -> bytes:
    data = orjson.dumps({"id": "job_1", "state": state, "version": version})
    return b"id: %d\ndata: %s\n\n" % (version, data)
