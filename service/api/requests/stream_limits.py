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
from service.domain.errors import TriageError

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
    ) -> None:
        self.most = most
        self.most_of_holder = most_of_holder
        self._full = full
        self._holder_full = holder_full
        self._counts: Counter[Holder] = Counter()

    @property
    def count(self) -> int:
        return self._counts.total()

    def take(self, holder: Holder) -> None:
        """Raises the error of the limit that the process or the holder has reached."""
        if self.count >= self.most:
            raise self._full()
        if holder[1] is not None and self._counts[holder] >= self.most_of_holder:
            raise self._holder_full(f"(limit {self.most_of_holder} per process)")
        self._counts[holder] += 1

    def give_back(self, holder: Holder) -> None:
        self._counts[holder] -= 1
        if not self._counts[holder]:
            del self._counts[holder]

    @contextlib.contextmanager
    def place(self, holder: Holder) -> Generator[None]:
        self.take(holder)
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
    )


def waiter_places() -> Places:
    return Places(
        MAX_WAITERS,
        MAX_WAITERS_OF_KEY,
        TooManyWaiters,
        lambda limit: TooManyWaitersOfKey(f"Too many waiting requests for this API key {limit}."),
    )
