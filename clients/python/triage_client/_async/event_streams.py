"""Streams of server-sent events that survive broken connections."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from triage_client._async.http import AsyncHttp
from triage_client._core.lines import Event, EventParser
from triage_client._core.requests import Request
from triage_client._core.responses import check_media_type, problem_of
from triage_client._core.retries import Outage
from triage_client.errors import TriageError

MEDIA_TYPE = "text/event-stream"


async def stream_events(
    http: AsyncHttp, place: str, parameters: Mapping[str, Any] | None = None
) -> AsyncGenerator[Event]:
    """The events of a stream, until the API says that no more will come. Raises what lasts for a minute."""
    outage, last_id = Outage(), None
    while True:
        parser = EventParser(last_id)
        headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": last_id} if last_id else {})
        problem: TriageError | None = None
        try:
            async with http.stream(Request("GET", place, parameters or {}, headers=headers)) as response:
                if response.status_code == 204:
                    return
                check_media_type(response, MEDIA_TYPE)
                async for chunk in response.aiter_bytes():
                    for event in parser.feed(chunk):
                        if event.name == "unavailable":
                            raise problem_of(503, "backend_unavailable", event.data, retryable=True)
                        if event.name == "unauthorized":
                            raise problem_of(401, "unauthenticated", event.data)
                        # The process that shuts down closes the stream.
                        if event.name != "shutdown":
                            outage.end()
                            yield event
        except TriageError as error:
            problem = error
        last_id = parser.last_id
        pause = outage.pause(problem, http.now(), http.jitter())
        await http.sleep(max(parser.retry or 0.0, pause))
