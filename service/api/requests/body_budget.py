"""Limits the bytes of request bodies that a process holds at once, so that it does not run out of memory."""

from collections import Counter

from service.api.responses.errors import TooManyBodies


class Held:
    """The bytes that one request holds until the block ends."""

    def __init__(self, bodies: "Bodies", namespace: str, large: bool) -> None:
        self._bodies = bodies
        self._namespace = namespace
        self._large = large
        self.size = 0

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.give_back(self._namespace, self.size)

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
        #: The limits of one namespace: a third of the capacity for large bodies, otherwise half.
        self._most = {True: largest, False: 3 * largest // 2}
        self.size = 0
        self._by_namespace: Counter[str] = Counter()

    def most_of_one(self, *, large: bool) -> int:
        """The limit of one namespace, in bytes."""
        return self._most[large]

    def hold(self, namespace: str, *, large: bool) -> Held:
        return Held(self, namespace, large)

    def take(self, namespace: str, size: int, large: bool) -> None:
        own = self._most[large]
        if self.size + size > 2 * own or self._by_namespace[namespace] + size > own:
            raise TooManyBodies()
        self._by_namespace[namespace] += size
        self.size += size

    def give_back(self, namespace: str, size: int) -> None:
        self.size -= size
        self._by_namespace[namespace] -= size
        if not self._by_namespace[namespace]:
            del self._by_namespace[namespace]
