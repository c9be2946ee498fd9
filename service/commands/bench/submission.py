"""Submits jobs over several connections; each sends its next request after a response."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.clock import Clock
from service.commands.bench.api import Api, code_of, refusal
from service.tasks import end
from triage_client import TriageError

#: How long to wait for pending responses when stopping, in seconds.
RESPONSE_SECONDS = 10.0
#: The interval at which to measure how late this process is, in seconds.
SAMPLE_SECONDS = 0.01
#: The number of parts of the jobs whose progress is shown.
PARTS = 100


@dataclass
class Submission:
    """The results of the requests, in seconds of this machine's clock; refused requests have no time."""

    jobs: int
    began: float = 0.0
    ended: float = 0.0
    #: The CPU time of this process, in seconds.
    cpu: float = 0.0
    #: How late this process resumed after sleeping; request latencies include that.
    lags: list[float] = field(default_factory=list[float])
    accepted: int = 0
    refused: int = 0
    request_seconds: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])
    first_error: TriageError | None = None
    #: The id of the last accepted job of each part so far.
    milestones: list[str] = field(default_factory=list[str])

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def accept(self, ids: list[str]) -> None:
        before, self.accepted = self.accepted, self.accepted + len(ids)
        part = max(1, self.jobs // PARTS)
        if self.milestones and (before - 1) // part == (self.accepted - 1) // part:
            self.milestones.pop()
        self.milestones.append(ids[-1])

    def refuse(self, error: TriageError, count: int) -> None:
        self.refused += count
        self.errors[code_of(error)] += count
        self.first_error = self.first_error or error


class Submitter:
    """`processor` returns the CPU time of this process, in seconds."""

    def __init__(
        self, connections: Sequence[Api], spec: dict[str, Any], clock: Clock, processor: Callable[[], float]
    ) -> None:
        self._connections = connections
        self._spec = spec
        self._clock = clock
        self._processor = processor
        self._left = 0

    async def submit(self, found: Submission, batch: int, sent: Callable[[int], None]) -> None:
        """Fill `found`, and call `sent` with the number of jobs after each response.

        When cancelled, send no more and return after the pending responses.
        """
        self._left = found.jobs
        began, cpu = self._clock.monotonic(), self._processor()
        tasks = [
            asyncio.create_task(self._use(connection, found, batch, sent)) for connection in self._connections
        ]
        watch = asyncio.create_task(self._watch(found.lags))
        try:
            await asyncio.wait(tasks)
        finally:
            found.began, found.ended = began, self._clock.monotonic()
            found.cpu = self._processor() - cpu
            self._left = 0
            # Pending submissions may still be stored, and the cleanup must follow them.
            await asyncio.wait(tasks, timeout=RESPONSE_SECONDS)
            await end([*tasks, watch])
        for task in tasks:
            task.result()

    async def _watch(self, lags: list[float]) -> None:
        while True:
            due = self._clock.monotonic() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            lags.append(max(0.0, self._clock.monotonic() - due))

    async def _use(self, connection: Api, found: Submission, batch: int, sent: Callable[[int], None]) -> None:
        while (count := min(batch, self._left)) > 0:
            self._left -= count
            path, body = "/v1/jobs", self._spec
            if batch > 1:
                path, body = "/v1/jobs/bulk", {"jobs": [self._spec] * count}
            began = self._clock.monotonic()
            try:
                response = await connection.send("POST", path, body)
            except TriageError as error:
                found.refuse(error, count)
            else:
                self._count(found, response, self._clock.monotonic() - began)
            sent(found.accepted + found.refused)

    def _count(self, found: Submission, response: Any, seconds: float) -> None:
        found.request_seconds.append(seconds)
        if "results" not in response:
            found.accept([response["id"]])
            return
        ids: list[str] = []
        for row in response["results"]:
            if row["problem"] is None:
                ids.append(row["job"]["id"])
            else:
                found.refuse(refusal(row["problem"]), 1)
        if ids:
            found.accept(ids)
