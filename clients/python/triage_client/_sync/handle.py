# Written by `make generate` from triage_client/_async/handle.py: change that file.
"""What the handles of jobs, flows, fan-outs and other resources have in common."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from triage_client._sync.event_streams import stream_events
from triage_client._sync.http import Http
from triage_client._core.requests import path
from triage_client._core.responses import problem_of
from triage_client._core.retries import Outage
from triage_client.errors import NotLoaded, TriageError, WaitTimeout

D = TypeVar("D")

#: The longest long poll, in seconds; the API allows 30.
POLL = 25.0
#: A poll that ends sooner than this without news is followed by a pause of this length, in seconds.
EARLY = 0.5


class Handle(Generic[D]):
    """A resource by its id or name. Reading `data` needs a response that had it: `refresh()` brings one."""

    #: The path of the resource, with {} for each id in it.
    PLACE: ClassVar[str]

    def __init__(self, http: Http, id: str, data: D | None = None) -> None:
        self.http = http
        self.id = id
        self._data = data

    @property
    def data(self) -> D:
        """The resource as the API sent it last."""
        if self._data is None:
            raise NotLoaded(f"{self.id} has not been read yet: call refresh() first")
        return self._data

    @property
    def place(self) -> str:
        """The path of the resource."""
        return path(self.PLACE, self.id)

    def refresh(self) -> Self:
        """Read the resource again."""
        return self.load(self.http.json("GET", self.place))

    def load(self, data: Any) -> Self:
        self._data = data
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Waitable(Handle[D]):
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

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until it has finished, for at most `timeout` seconds.

        Tolerates an API that does not respond for up to a minute.

        Raises WaitTimeout.
        """
        began, has_polled, outage = self.http.now(), False, Outage()
        while not self.is_finished:
            at = self.http.now()
            left = POLL if timeout is None else max(0.0, min(POLL, began + timeout - at))
            if not left and has_polled:
                raise WaitTimeout(f"{self.id} is still {self.state} after {timeout:g} s")
            try:
                self._poll(left)
            except TriageError as error:
                now = self.http.now()
                if timeout is not None and now - began >= timeout:
                    raise
                self.http.sleep(outage.pause(error, now, self.http.jitter()))
                continue
            outage.end()
            has_polled = True
            # A process that shuts down ends its polls at once.
            if not self.is_finished and self.http.now() - at < min(left, EARLY):
                self.http.sleep(min(left, EARLY))
        return self

    def _poll(self, seconds: float) -> None:
        self.load(
            self.http.json("GET", self.place, parameters={"wait": round(seconds, 3)}, wait=seconds)
        )

    def follow(self, place: str) -> Iterator[Any]:
        """The events of a stream until the resource has finished; connects again when the stream breaks."""
        with closing(stream_events(self.http, place)) as events:
            for event in events:
                if event.name == "deleted":
                    raise problem_of(404, "not_found", None)
                if event.name == "message":
                    yield event.data
                    if event.data["state"] in self.FINISHED:
                        return
