"""Limits on event streams and on requests that wait for a change, per process."""

import contextlib
from collections import Counter
from collections.abc import Callable, Generator

from service.api.responses.errors import (
    TooManyStreams,
    TooManyStreamsOfKey,
    TooManyWaiters,
    TooManyWaitersOfKey,
)
from service.domain.errors import QuotaExceeded, TriageError
from service.domain.tenant import Quota

#: Per process.
MAX_STREAMS, MAX_WAITERS = 1_000, 2_000
#: Per API key or token subject in a namespace, so that one client cannot use them all.
MAX_STREAMS_OF_KEY, MAX_WAITERS_OF_KEY = 50, 200

#: Namespace and key id. With authentication off, the key id is None and only the limit per process applies.
Holder = tuple[str, str | None]


class Places:
    """Counts from `take` to `give_back`, which must follow on every path."""

    def __init__(
        self,
        most: int,
        most_of_holder: int,
        full: Callable[[], TriageError],
        holder_full: Callable[[str], TriageError],
        name: Quota = "waits",
    ) -> None:
        self.most = most
        self.most_of_holder = most_of_holder
        self._full = full
        self._holder_full = holder_full
        self._name: Quota = name
        self._counts: Counter[Holder] = Counter()
        self._of_namespaces: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self._counts.total()

    def take(self, holder: Holder, quota: int | None = None) -> None:
        """Raises the error of the limit that the process, the holder or its namespace has reached."""
        if quota is not None and self._of_namespaces[holder[0]] >= quota:
            raise QuotaExceeded.of(self._name, quota)
        if self.count >= self.most:
            raise self._full()
        if holder[1] is not None and self._counts[holder] >= self.most_of_holder:
            raise self._holder_full(f"(limit {self.most_of_holder} per process)")
        self._counts[holder] += 1
        self._of_namespaces[holder[0]] += 1

    def give_back(self, holder: Holder) -> None:
        self._counts[holder] -= 1
        if not self._counts[holder]:
            del self._counts[holder]
        self._of_namespaces[holder[0]] -= 1
        if not self._of_namespaces[holder[0]]:
            del self._of_namespaces[holder[0]]

    @contextlib.contextmanager
    def place(self, holder: Holder, quota: int | None = None) -> Generator[None]:
        self.take(holder, quota)
        try:
            yield
        finally:
            self.give_back(holder)


def stream_places() -> Places:
    return Places(
        MAX_STREAMS,
        MAX_STREAMS_OF_KEY,
        TooManyStreams,
        lambda limit: TooManyStreamsOfKey(f"Too many open event streams for this API key {limit}."),
        "streams",
    )


def waiter_places() -> Places:
    return Places(
        MAX_WAITERS,
        MAX_WAITERS_OF_KEY,
        TooManyWaiters,
        lambda limit: TooManyWaitersOfKey(f"Too many waiting requests for this API key {limit}."),
    )
