"""A measurement: checks the queue, warms up, submits, waits, and reads the jobs."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.commands.bench.api import Api, code_of
from service.commands.bench.ends import End, Ends, Read
from service.commands.bench.plan import SAMPLE, WARM_UP, Plan
from service.commands.bench.submission import Submission, Submitter
from triage_client import TriageError

#: Shows the progress of a phase: its name, how many are done, and how many there are.
Show = Callable[[str, int, int], None]


class QueueBusy(Exception):
    """The queue has other jobs, which would affect the figures or be delayed."""


class SampleMissing(Exception):
    """The workers know other job types, but not the sample."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(
            f"no worker knows the sample job type {SAMPLE}. Use --job with one of: {', '.join(known)}"
        )


@dataclass
class Measured:
    """The results so far. `submission` is None during the warm-up; `why` explains a timeout."""

    queue: dict[str, Any]
    other_jobs: int = 0
    submission: Submission | None = None
    ends: list[End] = field(default_factory=list[End])
    why: str | None = None


class Run:
    """A single measurement. `submitted` is how many jobs may exist and must be removed afterwards."""

    def __init__(
        self, api: Api, plan: Plan, submitter: Submitter, show: Show, say: Callable[[str], None]
    ) -> None:
        self._api = api
        self._plan = plan
        self._show = show
        self._submitter = submitter
        self._ends = Ends(api, say)
        self._warm: set[str] = set()
        self.submitted = 0

    async def measure(self) -> Measured:
        """Raises TriageError if it cannot begin, QueueBusy or SampleMissing.

        A timeout returns what it has.
        """
        plan = self._plan
        if plan.job == SAMPLE:
            await self._find_sample()
        queue = await self._queue()
        measured = Measured(queue, sum(queue.get("counts", {}).values()))
        if measured.other_jobs and not plan.force:
            raise QueueBusy(f"queue {plan.queue} has {measured.other_jobs} unfinished jobs")
        try:
            async with asyncio.timeout(plan.timeout):
                await self._warm_up()
                measured.queue = await self._queue()
                await self._submit(measured)
                await self._wait(measured)
        except TimeoutError:
            measured.why = await self._why()
            if measured.submission is not None:
                with contextlib.suppress(TriageError):
                    measured.ends = list((await self._read(self._api.read_once)).values())
        return measured

    async def _find_sample(self) -> None:
        try:
            page = await self._api.read_once("/v1/job-types", ("items",))
        except TriageError as error:
            # The key may lack workers:read, which nothing else here requires.
            if code_of(error) != "scope_missing":
                raise
            return
        known = sorted(row["name"] for row in page["items"])
        if known and SAMPLE not in known:
            raise SampleMissing(known)

    async def _queue(self) -> dict[str, Any]:
        try:
            return await self._api.read_once(
                f"/v1/queues/{self._plan.queue}", ("counts", "workers", "capacity")
            )
        except TriageError as error:
            if code_of(error) != "not_found":
                raise
        return {}

    async def _warm_up(self) -> None:
        """Raises the first refusal: with an invalid payload, for example, there is nothing to measure."""
        plan = self._plan
        jobs = plan.warm_up
        self.submitted += jobs
        warm = Submission(jobs)
        await self._submitter.submit(warm, min(plan.batch, WARM_UP), lambda _: None)
        if warm.first_error is not None:
            raise warm.first_error
        for number, id in enumerate(warm.milestones, 1):
            await self._ends.end_of(id)
            self._show("warming up", number, len(warm.milestones))
        self._warm = set(await self._finished())

    async def _submit(self, measured: Measured) -> None:
        plan = self._plan
        self._ends.waiting = None
        self.submitted += plan.jobs
        measured.submission = Submission(plan.jobs)
        await self._submitter.submit(
            measured.submission,
            plan.batch,
            lambda count: self._show("submitting", count, plan.jobs),
        )

    async def _wait(self, measured: Measured) -> None:
        assert measured.submission is not None
        milestones = measured.submission.milestones
        # Reads nothing while submitting and little while jobs run, because reading is also load for the API.
        for number, id in enumerate(milestones, 1):
            await self._ends.end_of(id)
            self._show("running", number, len(milestones))
        measured.ends = list((await self._finished()).values())

    async def _finished(self) -> dict[str, End]:
        ends = await self._read(self._api.read)
        for id, end in ends.items():
            if not end.finished and (ended := await self._ends.end_of(id)) is not None:
                ends[id] = ended
        return ends

    async def _read(self, read: Read) -> dict[str, End]:
        def shown(count: int) -> None:
            self._show("reading", count, self.submitted)

        ends = await self._ends.read(self._plan.tag, read, shown)
        return {id: end for id, end in ends.items() if id not in self._warm}

    async def _why(self) -> str:
        if self._ends.waiting is None:
            return "Not all jobs had been submitted by then."
        with contextlib.suppress(TriageError, TimeoutError):
            async with asyncio.timeout(10):
                return f"{self._ends.waiting}: {await self._ends.why(self._ends.waiting)}"
        return "the API does not respond."
