"""What this process has to do in one namespace, and when it looks again."""

import random
from dataclasses import dataclass

from service.store.namespace import DueWork

#: The longest rest of a namespace in which nothing happens, in seconds. The process that gets a request works
#: there at once, so this is for requests to others that are killed afterwards.
REST = 20.0
#: Rests differ by this part, so that the heartbeats of many namespaces spread.
JITTER = 0.3
#: How long after a request a namespace does not rest, in seconds: a long request may still submit jobs.
AWAKE = 30.0


@dataclass
class Duties:
    """Heartbeats find out what there is to do. Times are monotonic."""

    tasks: bool = False
    bulk_actions: bool = False
    groups: bool = False
    _heartbeat_at: float = 0.0
    _stats_at: float = 0.0

    def heartbeat_due(self, now: float, used_at: float) -> bool:
        """`used_at`: when this process received the last request."""
        return now >= self._heartbeat_at or now - used_at < AWAKE

    def found(self, due: DueWork, now: float, *, rests: bool) -> None:
        """Note what a heartbeat has found. `rests`: whether the next one may come later than usual."""
        self.tasks = self.tasks or due.tasks
        self.bulk_actions = self.bulk_actions or due.bulk_actions
        self.groups = self.groups or due.groups
        longest = REST * (1 - JITTER * random.random())
        rest = longest if due.rest is None else min(longest, due.rest)
        self._heartbeat_at = now + rest if rests else now

    def failed(self) -> None:
        """A heartbeat had no reply, so the next one must come soon."""
        self._heartbeat_at = 0.0

    def stats_due(self, now: float) -> bool:
        return now >= self._stats_at

    def stored_stats(self, now: float, seconds: float) -> None:
        """The next minute of the history is due in `seconds`."""
        self._stats_at = now + seconds
