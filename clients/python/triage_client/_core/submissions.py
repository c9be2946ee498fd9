"""Many jobs in few requests."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from triage_client.errors import ApiError
from triage_client.problems import BY_CODE
from triage_client.types import BulkOut, JobOut, JobSpecIn

J = TypeVar("J")
T = TypeVar("T")

#: The API's limit of jobs in a bulk submission, and of items in a chunk of a fan-out.
BULK, ITEMS = 1_000, 5_000
#: The bytes of a chunk; the API's limit of a body is 32 MiB by default.
BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Submission(Generic[J]):
    """The outcome of one of many submissions: a job or an error."""

    job: J | None
    error: ApiError | None

    def unwrap(self) -> J:
        """The job. Raises the error."""
        if self.job is None:
            raise self.error or ValueError("neither a job nor an error")
        return self.job


def chunks_of(jobs: Iterable[JobSpecIn], atomic: bool) -> Iterator[list[JobSpecIn]]:
    source = iter(jobs)
    while chunk := list(islice(source, BULK)):
        if atomic and len(chunk) == BULK and (more := next(source, None)) is not None:
            raise ValueError(f"atomic submissions take at most {BULK:,} jobs; the next is {more['name']}")
        yield chunk


def outcomes_of(found: BulkOut, handle: Callable[[JobOut], J]) -> list[Submission[J]]:
    outcomes: list[Submission[J]] = []
    for row in found["results"]:
        problem, job = row["problem"], row["job"]
        error = None if problem is None else BY_CODE.get(problem["code"], ApiError)(problem)
        outcomes.append(Submission(None if job is None else handle(job), error))
    return outcomes


@dataclass(frozen=True)
class Chunk:
    items: list[bytes]
    is_last: bool


class Chunker:
    """Collects items until there are enough for a request."""

    def __init__(self, size: int) -> None:
        if not 1 <= size <= ITEMS:
            raise ValueError(f"chunk is {size}: use 1 to {ITEMS:,}")
        self._size = size
        self._items: list[bytes] = []
        self._bytes = 0

    def add(self, item: bytes) -> Chunk | None:
        """A full chunk, if this item completes one."""
        self._items.append(item)
        self._bytes += len(item) + 1
        if len(self._items) < self._size and self._bytes < BYTES:
            return None
        full, self._items, self._bytes = self._items, [], 0
        return Chunk(full, is_last=False)

    def last(self) -> Chunk:
        """The remaining items; there may be none."""
        return Chunk(self._items, is_last=True)
