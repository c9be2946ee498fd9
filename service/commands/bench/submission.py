"""Submits jobs over several connections; each sends its next request after a response."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.clock import Clock
from service.commands.bench.api import Api, Refused
from service.tasks import end

#: Seconds that requests on their way get when the command is told to stop.
ANSWER_SECONDS = 10.0
#: Seconds between two looks at how late this process is.
LOOK = 0.01
#: Parts into which the jobs are cut to see how far they are.
PARTS = 100


@dataclass
class Submission:
    """What became of the requests, by the clock of this machine in seconds; refused ones have no time."""

    jobs: int
    began: float = 0.0
    ended: float = 0.0
    #: Processor seconds of this process.
    cpu: float = 0.0
    #: How much later than it was due this process got to something: all of it is in the latency of requests.
    lags: list[float] = field(default_factory=list[float])
    accepted: int = 0
    refused: int = 0
    request_seconds: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])
    first_error: Refused | None = None
    #: Ids of accepted jobs: the last one of each hundredth part so far.
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

    def refuse(self, error: Refused, count: int) -> None:
        self.refused += count
        self.errors[error.code] += count
        self.first_error = self.first_error or error


class Submitter:
    """`processor` tells the processor seconds of this process."""

    def __init__(
        self, connections: Sequence[Api], spec: bytes, clock: Clock, processor: Callable[[], float]
    ) -> None:
        self._connections = connections
        self._spec = spec
        self._clock = clock
        self._processor = processor
        self._left = 0

    async def submit(self, found: Submission, batch: int, sent: Callable[[int], None]) -> None:
        """Fills `found`, and calls `sent` with the number of jobs per response.

        When cancelled, it sends no more and returns after the pending responses.
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
            # What is on its way may still be stored: whoever cleans up must come after it.
            await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
            await end([*tasks, watch])
        for task in tasks:
            task.result()

    async def _watch(self, lags: list[float]) -> None:
        while True:
            due = self._clock.monotonic() + LOOK
            await asyncio.sleep(LOOK)
            lags.append(max(0.0, self._clock.monotonic() - due))

    async def _use(self, connection: Api, found: Submission, batch: int, sent: Callable[[int], None]) -> None:
        while (count := min(batch, self._left)) > 0:
            self._left -= count
            path, content = "/v1/jobs", self._spec
            if batch > 1:
                path, content = "/v1/jobs/bulk", b'{"jobs":[%s]}' % b",".join([self._spec] * count)
            began = self._clock.monotonic()
            try:
                answer = await connection.send("POST", path, content)
            except Refused as error:
                found.refuse(error, count)
            else:
                self._count(found, answer, self._clock.monotonic() - began)
            sent(found.accepted + found.refused)

    def _count(self, found: Submission, answer: Any, seconds: float) -> None:
        found.request_seconds.append(seconds)
        if "results" not in answer:
            found.accept([answer["id"]])
            return
        ids: list[str] = []
        for row in answer["results"]:
            if row["problem"] is None:
                ids.append(row["job"]["id"])
            else:
                problem = row["problem"]
                text = f"{problem['status']} {problem['code']}: {problem['detail']}"
                found.refuse(Refused(problem["status"], problem["code"], text, problem["errors"]), 1)
        if ids:
            found.accept(ids)
