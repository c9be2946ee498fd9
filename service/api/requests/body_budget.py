"""Limits the bytes of request bodies that a process holds at once, so that it does not run out of memory."""

import contextlib
from collections import Counter
from collections.abc import Generator

from service.api.responses.errors import TooManyBodies


class Held:
    """The bytes that one request holds."""

    def __init__(self, bodies: "Bodies", namespace: str, large: bool) -> None:
        self._bodies = bodies
        self._namespace = namespace
        self._large = large
        self.size = 0

    def take(self, size: int) -> None:
        """Raises TooManyBodies."""
        self._bodies.take(self._namespace, size, self._large)
        self.size += size


class Bodies:
    """Large bodies share two thirds of the budget, which leaves room for small ones; a namespace gets half.

    Bytes count from their arrival until the response, so announcing a large body without sending it uses
    nothing.
    """

    def __init__(self, largest: int) -> None:
        self._capacity = 3 * largest
        self._by_namespace: Counter[str] = Counter()

    @property
    def size(self) -> int:
        return self._by_namespace.total()

    def most_of_one(self, *, large: bool) -> int:
        """The limit of one namespace, in bytes."""
        return self._capacity // (3 if large else 2)

    @contextlib.contextmanager
    def hold(self, namespace: str, *, large: bool) -> Generator[Held]:
        held = Held(self, namespace, large)
        try:
            yield held
        finally:
            self._by_namespace[namespace] -= held.size
            if not self._by_namespace[namespace]:
                del self._by_namespace[namespace]

    def take(self, namespace: str, size: int, large: bool) -> None:
        own = self.most_of_one(large=large)
        if self.size + size > 2 * own or self._by_namespace[namespace] + size > own:
            raise TooManyBodies()
        self._by_namespace[namespace] += size
