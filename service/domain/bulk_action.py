"""One action on every job that matches: which jobs are eligible, and how fast it proceeds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.states import FINISHED, LIVE, REDRIVE, State

Verb = Literal["cancel", "retry", "delete"]
ActionState = Literal["running", "paused", "succeeded", "cancelled"]

#: States of the jobs that a verb can change.
ELIGIBLE: Mapping[Verb, frozenset[State]] = {"cancel": LIVE, "retry": REDRIVE.sources, "delete": FINISHED}
#: Jobs per script call: each takes some 50 us, and a script blocks all other calls.
PORTION = 100
#: Jobs per second without a rate; this keeps Redis busy for a quarter of the time.
FASTEST = 5_000
#: About one job in a quarter of an hour; pausing does the rest.
SLOWEST = 0.001
#: The position before the first job.
START = "-"


@dataclass(frozen=True, slots=True)
class Query:
    """Jobs in one of the states that match the filter; with `ended_by` (unix ms), finished by then."""

    filter: JobFilter
    states: frozenset[State]
    ended_by: int | None = None

    def matches(self, job: Job) -> bool:
        late = self.ended_by is not None and (job.finished_at is None or job.finished_at > self.ended_by)
        return job.state in self.states and not late and self.filter.matches(job)

    def created_by(self, at: int) -> "Query":
        """The same query without jobs that were created later."""
        before = self.filter.created_before
        until = at + 1 if before is None else min(before, at + 1)
        return replace(self, filter=replace(self.filter, created_before=until))


@dataclass(frozen=True, slots=True)
class BulkSpec:
    """A bulk action as requested. `grace_ms` is the time that running jobs get before they are cancelled."""

    verb: Verb
    filter: JobFilter
    rate_per_second: float | None = None
    max: int | None = None
    grace_ms: int = 0

    @property
    def query(self) -> Query:
        return Query(self.filter, ELIGIBLE[self.verb])


@dataclass(frozen=True, slots=True)
class BulkAction:
    """The state of a bulk action; `skipped` jobs had changed, or another job holds their unique key."""

    id: str
    version: int
    state: ActionState
    spec: BulkSpec
    succeeded: int
    skipped: int
    created_at: int
    finished_at: int | None = None
    position: str = START

    @property
    def live(self) -> bool:
        return self.state in ("running", "paused")

    @property
    def query(self) -> Query:
        """Jobs that matched when the action was created, so that no job is retried twice."""
        query = self.spec.query.created_by(self.created_at)
        ended_by = self.created_at if ELIGIBLE[self.spec.verb] <= FINISHED else None
        return Query(query.filter, query.states, ended_by)

    @property
    def batch_size(self) -> int:
        """The limit of its next batch."""
        size, _ = batch_rate(self.spec.rate_per_second)
        most = self.spec.max
        return size if most is None else min(size, most - self.succeeded)


def batch_rate(rate_per_second: float | None) -> tuple[int, int]:
    """Jobs of a portion, and ms from one portion to the next.

    No window of one second has more jobs than the rate, or than one if the rate is below 1.
    """
    rate = FASTEST if rate_per_second is None else rate_per_second
    if rate < 1:
        return 1, ceil(1_000 / rate)
    portions = ceil(rate / PORTION)
    return int(rate / portions), ceil(1_000 / portions)
