"""How many event streams a process holds open, in all and for each API key."""

from collections import Counter

from service.api.errors import TooManyStreams

#: Of a process; the other half of what may wait is left to long polls.
MAX_STREAMS = 1_000
#: Of an API key, so that one client cannot take them all.
MAX_STREAMS_OF_KEY = 50


class OpenStreams:
    """Counts from `open` to `close`. Without keys (auth off) only the bound of the process holds."""

    def __init__(self) -> None:
        self._by_key: Counter[str | None] = Counter()

    @property
    def count(self) -> int:
        return self._by_key.total()

    def open(self, key_id: str | None) -> None:
        """Raises TooManyStreams."""
        if self.count >= MAX_STREAMS:
            raise TooManyStreams()
        if key_id is not None and self._by_key[key_id] >= MAX_STREAMS_OF_KEY:
            raise TooManyStreams(
                "This API key has as many event streams of this process as it may; try again, or poll."
            )
        self._by_key[key_id] += 1

    def close(self, key_id: str | None) -> None:
        self._by_key[key_id] -= 1
        if not self._by_key[key_id]:
            del self._by_key[key_id]
