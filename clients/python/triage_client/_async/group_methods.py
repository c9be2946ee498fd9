"""The methods of the client for flows and fan-outs."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal, Unpack

from triage_client._async import io
from triage_client._async.fan_out import Sending, send_items
from triage_client._async.groups import AsyncFanOut, AsyncFlow
from triage_client._async.http import AsyncHttp
from triage_client._core.specs import (
    AnyJob,
    Durability,
    durable,
    fan_out_body,
    given,
    node_body,
    submission_headers,
)
from triage_client.types import FanOutKeywords, FlowCallbackIn, FlowOut, NodeIn


class AsyncGroupMethods:
    http: AsyncHttp

    async def flow(
        self,
        name: str,
        jobs: Mapping[str, AnyJob | NodeIn] | None = None,
        *,
        on_failure: Literal["fail", "continue"] | None = None,
        deadline_seconds: float | None = None,
        callback: FlowCallbackIn | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
        **more_jobs: AnyJob | NodeIn,
    ) -> AsyncFlow:
        """Submit jobs with dependencies; each argument is a job under its key, made by `job_spec`.

        Keys that are not words of Python, or names of arguments, go into the dictionary `jobs`.
        """
        nodes = {key: node_body(job) for key, job in {**(jobs or {}), **more_jobs}.items()}
        options = given(on_failure=on_failure, deadline_seconds=deadline_seconds, callback=callback)
        headers, seconds = submission_headers(idempotency_key, durability, wait)
        body = {"name": name, "jobs": nodes, **options}
        data: FlowOut = await self.http.json("POST", "/v1/flows", body=body, headers=headers, wait=seconds)
        return AsyncFlow(self.http, data["id"], data)

    async def flows(self, *, limit: int | None = None) -> AsyncIterator[AsyncFlow]:
        """The flows, newest first, without the ids of their jobs."""
        async for row in self.http.items("/v1/flows", limit=limit):
            row.setdefault("jobs", {})
            yield AsyncFlow(self.http, row["id"], row)

    def flow_by_id(self, id: str) -> AsyncFlow:
        """A flow by its id. Sends nothing: call a method of it."""
        return AsyncFlow(self.http, id)

    async def get_flow(self, id: str) -> AsyncFlow:
        """Read a flow."""
        return await self.flow_by_id(id).refresh()

    async def fan_out(
        self,
        name: str,
        rows: io.Rows,
        *,
        payload: Mapping[str, Any] | None = None,
        then: AnyJob | None = None,
        chunk: int = 2_000,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
        on_sent: Callable[[int], object] | None = None,
        **options: Unpack[FanOutKeywords],
    ) -> AsyncFanOut:
        """Submit a job per row: a payload, or an item with `payload`, `key`, `priority` and `delay_seconds`.

        Rows are sent in chunks as they come, and run as soon as they are stored. With an `idempotency_key`,
        a program that was interrupted continues where it stopped when it calls again with the same rows.
        `payload` is common to all rows. `on_sent` gets the number of rows that the API has.
        """
        body = fan_out_body(name, payload, then, dict(options))
        sending = Sending(chunk, idempotency_key, durable(durability), on_sent or _ignore)
        return await send_items(self.http, body, rows, sending)

    async def fan_outs(self, *, limit: int | None = None) -> AsyncIterator[AsyncFanOut]:
        """The fan-outs, newest first."""
        async for row in self.http.items("/v1/fan-outs", limit=limit):
            yield AsyncFanOut(self.http, row["id"], row)

    def fan_out_by_id(self, id: str) -> AsyncFanOut:
        """A fan-out by its id. Sends nothing: call a method of it."""
        return AsyncFanOut(self.http, id)

    async def get_fan_out(self, id: str) -> AsyncFanOut:
        """Read a fan-out."""
        return await self.fan_out_by_id(id).refresh()


def _ignore(_: int) -> None:
    pass
