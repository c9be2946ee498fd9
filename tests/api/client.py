"""The application, run in process on a real Redis, and helpers that most API tests need."""

import os
from typing import Any

import httpx
import orjson

from service.api.app import create_app
from service.clock import Clock
from service.domain.ids import IdFactory
from service.settings import Settings
from service.store.redis.connect import RedisClient


class Api:
    """An HTTP client that calls the application directly, without a socket."""

    def __init__(
        self, redis: RedisClient, namespace: str, clock: Clock | None = None, **settings: Any
    ) -> None:
        clock = clock or Clock()
        given: Any = {"auth": "off", "namespace": namespace, "allowed_hosts": "triage", **settings}
        self.app = create_app(Settings(**given), redis, clock, IdFactory(clock.now_ms, os.urandom))
        # A client without a socket gets the events when the stream ends.
        self.app.state.app_state.feed_seconds = 0.0
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://triage")

    async def create(self, **fields: Any) -> dict[str, Any]:
        response = await self.http.post("/v1/jobs", json={"name": "work", **fields})
        assert response.status_code == 202, response.text
        return response.json()

    async def raw(self, body: bytes, path: str = "/v1/jobs", **headers: str) -> httpx.Response:
        return await self.http.post(
            path, content=body, headers={"Content-Type": "application/json", **headers}
        )

    async def close(self) -> None:
        for namespace_state in self.app.state.app_state.namespace_states.values():
            await namespace_state.types.close()
            await namespace_state.namespace.event_log.close()
            await namespace_state.namespace.change_feed.close()
        tokens = self.app.state.app_state.authenticator.tokens
        if tokens is not None:
            await tokens.issuer.close()
        await self.http.aclose()


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a response, after a check of its shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = orjson.loads(response.content)
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == response.headers["x-request-id"]
    assert set(document) >= {"type", "title", "status", "detail", "instance", "code", "retryable", "errors"}
    return document
