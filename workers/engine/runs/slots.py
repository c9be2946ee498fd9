"""The slots of a worker: what holds each of them, and when it becomes free."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from service.clock import Clock


class SlotOwner(Protocol):
    """Gets a slot back."""

    def free_up(self, slot: "Slot") -> None: ...


class Slot:
    """Held by a run and its thread or subprocess, if any; free once all of them have released it."""

    __slots__ = ("_holders", "_owner", "_waiters", "job_id", "name", "stuck_since")

    def __init__(self, owner: SlotOwner, job_id: str, name: str) -> None:
        self.job_id = job_id
        #: The handler's name.
        self.name = name
        #: Monotonic time at which its run outlived the grace.
        self.stuck_since: float | None = None
        self._owner = owner
        self._holders = 1
        self._waiters: list[asyncio.Future[None]] | None = None

    def retain(self) -> None:
        """Add a holder; each holder releases the slot once."""
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        if self._holders != 0:
            return
        self._owner.free_up(self)
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def freed(self) -> asyncio.Future[None]:
        """Done once the slot is free."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._holders <= 0:
            waiter.set_result(None)
        elif self._waiters is None:
            self._waiters = [waiter]
        else:
            self._waiters.append(waiter)
        return waiter


class Slots:
    """Sets `freed` whenever a slot becomes free; other threads may read the counts."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self.capacity = capacity
        self.freed = asyncio.Event()
        #: How often a slot has become free.
        self.times_freed = 0
        #: Also called, if set: the shares of the namespaces pass it on to their claimers.
        self.on_free: Callable[[], None] | None = None
        #: The monotonic time since which at least one slot has been free.
        self.free_since = clock.monotonic()
        self.stuck = 0
        self.used = 0
        self._by_job: dict[str, Slot] = {}
        self._by_name: Counter[str] = Counter()

    @property
    def free(self) -> int:
        return self.capacity - self.used

    def of_type(self, name: str) -> int:
        """The number of slots that runs of this handler hold, including abandoned runs."""
        return self._by_name[name]

    def of_job(self, job_id: str) -> Slot | None:
        """The slot that a run of this job holds, even one that was concluded long ago."""
        return self._by_job.get(job_id)

    def acquire(self, job_id: str, name: str, owner: SlotOwner | None = None) -> Slot:
        """`owner` gets the slot back, and passes it on to `free_up`."""
        slot = Slot(owner or self, job_id, name)
        self.used += 1
        self._by_job[job_id] = slot
        self._by_name[name] += 1
        return slot

    def mark_stuck(self, slot: Slot) -> None:
        """Its run did not end within the grace and may hold the slot forever."""
        if slot.stuck_since is None:
            slot.stuck_since = self._clock.monotonic()
            self.stuck += 1

    def free_up(self, slot: Slot) -> None:
        """Called when the last holder of a slot has released it."""
        if self.used == self.capacity:
            self.free_since = self._clock.monotonic()
        self.used -= 1
        if self._by_job.get(slot.job_id) is slot:
            del self._by_job[slot.job_id]
        self._by_name[slot.name] -= 1
        if slot.stuck_since is not None:
            self.stuck -= 1
        self.freed.set()
        self.times_freed += 1
        if self.on_free is not None:
            self.on_free()
