"""What the handles of jobs, flows, fan-outs and other resources have in common."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from triage_client._async.http import AsyncHttp
from triage_client._core.lines import EventParser
from triage_client._core.requests import Repeat, Request, path
from triage_client._core.responses import check_media_type
from triage_client._core.retries import PATIENCE, backoff, may_repeat
from triage_client.errors import ApiError, NoResponse, NotLoaded, TriageError, UnexpectedResponse, WaitTimeout
from triage_client.problems import BY_CODE

D = TypeVar("D")

#: The longest long poll, in seconds; the API allows 30.
POLL = 25.0
#: A poll that ends sooner than this without news is followed by a pause of this length, in seconds.
EARLY = 0.5


class AsyncHandle(Generic[D]):
    """A resource by its id or name. Reading `data` needs a response that had it: `refresh()` brings one."""

    #: The path of the resource, with {} for its id.
    PLACE: ClassVar[str]

    def __init__(self, http: AsyncHttp, id: str, data: D | None = None) -> None:
        self.http = http
        self.id = id
        self._data = data

    @property
    def data(self) -> D:
        """The resource as the API sent it last."""
        if self._data is None:
            raise NotLoaded(f"{self.id} has not been read yet: call refresh() first")
        return self._data

    async def refresh(self) -> Self:
        """Read the resource again."""
        return self.load(await self.http.json("GET", path(self.PLACE, self.id)))

    def load(self, data: Any) -> Self:
        self._data = data
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class AsyncWaitable(AsyncHandle[D]):
    """A resource that finishes."""

    FINISHED: ClassVar[frozenset[str]]

    @property
    def state(self) -> str:
        return cast("Any", self.data)["state"]

    @property
    def version(self) -> int:
        return cast("Any", self.data)["version"]

    @property
    def is_finished(self) -> bool:
        """As far as this handle has seen."""
        return self._data is not None and self.state in self.FINISHED

    async def wait(self, timeout: float | None = None) -> Self:
        """Wait until it has finished, for at most `timeout` seconds.

        Tolerates an API that does not respond for up to a minute.

        Raises WaitTimeout.
        """
        began = responded = self.http.now()
        failures, has_polled = 0, False
        while not self.is_finished:
            at = self.http.now()
            left = POLL if timeout is None else max(0.0, min(POLL, began + timeout - at))
            if not left and has_polled:
                raise WaitTimeout(f"{self.id} is still {self.state} after {timeout:g} s")
            try:
                await self._poll(left)
            except TriageError as error:
                failures += 1
                now = self.http.now()
                late = timeout is not None and now - began >= timeout
                if late or now - responded > PATIENCE or not may_repeat(error, Repeat.SAFE):
                    raise
                await self.http.sleep(backoff(failures, self.http.jitter()))
                continue
            failures, has_polled = 0, True
            responded = self.http.now()
            # A process that shuts down ends its polls at once.
            if not self.is_finished and responded - at < min(left, EARLY):
                await self.http.sleep(min(left, EARLY))
        return self

    async def _poll(self, seconds: float) -> None:
        place = path(self.PLACE, self.id)
        self.load(await self.http.json("GET", place, parameters={"wait": round(seconds, 3)}, wait=seconds))

    async def follow(self, place: str) -> AsyncIterator[Any]:
        """The events of a stream until the resource has finished; connects again when the stream breaks."""
        last_id: str | None = None
        failures = 0
        responded = self.http.now()
        while True:
            parser = EventParser(last_id)
            try:
                headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
                async with self.http.stream(Request("GET", place, headers=headers)) as response:
                    if response.status_code == 204:
                        return
                    check_media_type(response, "text/event-stream")
                    async for chunk in response.aiter_bytes():
                        for event in parser.feed(chunk):
                            if event.name == "message":
                                failures, responded, last_id = 0, self.http.now(), event.id
                                yield event.data
                                if event.data["state"] in self.FINISHED:
                                    return
                            elif event.name in ("unauthorized", "deleted"):
                                raise self._ended(event.name, event.data)
            except (NoResponse, UnexpectedResponse, ApiError) as error:
                if not may_repeat(error, Repeat.SAFE) or self.http.now() - responded > PATIENCE:
                    raise
            failures += 1
            await self.http.sleep(max(parser.retry or 0.0, backoff(failures, self.http.jitter())))

    def _ended(self, name: str, data: Any) -> ApiError:
        code = (data or {}).get("code") or ("not_found" if name == "deleted" else "unauthenticated")
        detail = (
            f"The stream of {self.id} ended: {'it was deleted' if name == 'deleted' else 'access ended'}."
        )
        status = 404 if name == "deleted" else 401
        return BY_CODE.get(code, ApiError)({"status": status, "code": code, "detail": detail})
