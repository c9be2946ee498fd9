"""The filter of lists and bulk actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.access_key import Reach
from service.domain.job import Job
from service.domain.states import State


@dataclass(frozen=True, slots=True)
class TextSearch:
    """Jobs whose ID, name or tags contain the text, in any case, or that are dead of one of these causes."""

    text: str
    #: Groups of dead letters whose error contains the text.
    fingerprints: frozenset[str] = frozenset()

    @property
    def needle(self) -> bytes:
        """The text as scripts compare it: they know the cases of ASCII only."""
        return self.text.encode().lower()

    def finds(self, job: Job) -> bool:
        if job.fingerprint in self.fingerprints:
            return True
        words = "\0".join((job.id, job.name, *(f"{key}:{value}" for key, value in job.tags.items())))
        return self.needle in words.encode().lower()


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Every field that is set must match. Times are unix ms; the end of a range is exclusive."""

    queue: str | None = None
    state: State | None = None
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    group_id: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    #: Of dead jobs only: the group of their error.
    fingerprint: str | None = None
    #: The queues and job types that the caller is restricted to; only for lists.
    reach: Reach | None = None
    #: Only for lists.
    search: TextSearch | None = None

    @property
    def indexed(self) -> bool:
        """Whether the index by queue and state is exact, so that every candidate matches."""
        others = (self.name, self.reason, self.group_id, self.fingerprint, self.search)
        return not self.tags and all(other is None for other in others)

    def matches(self, job: Job) -> bool:
        return (
            (self.queue is None or job.queue == self.queue)
            and (self.state is None or job.state == self.state)
            and (self.name is None or job.name == self.name)
            and (self.reason is None or job.state_reason == self.reason)
            and (self.group_id is None or self.group_id in (job.flow_id, job.fan_out_id))
            and (self.created_after is None or job.created_at >= self.created_after)
            and (self.created_before is None or job.created_at < self.created_before)
            and (self.fingerprint is None or job.fingerprint == self.fingerprint)
            and (self.reach is None or self.reach.has(job.queue, job.name))
            and (self.search is None or self.search.finds(job))
            and all(job.tags.get(key) == value for key, value in self.tags.items())
        )
