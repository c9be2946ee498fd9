"""Divides the slots of a worker between the namespaces that it serves."""

from collections.abc import Callable, Iterator
from math import ceil

from workers.engine.runs.slots import Slot, Slots


class Share:
    """The slots of one namespace, for its claimer and its executor.

    A claimer reserves slots before it claims, because other namespaces claim at the same time.
    """

    def __init__(self, shares: "Shares", slots: Slots, weight: int) -> None:
        self._shares = shares
        self._slots = slots
        self.weight = weight
        #: Slots that runs of this namespace hold, including runs that do not end.
        self.used = 0
        #: Slots reserved for a claim in progress, and for its jobs until they start.
        self.reserved = 0
        #: Whether its claimer would claim now if it had slots.
        self.waiting = False
        #: Jobs started by weight. Of the namespaces that wait, the one with the least comes first.
        self.served = 0.0
        self._seen = 0
        self._on_free: Callable[[], None] | None = None

    @property
    def on_free(self) -> Callable[[], None] | None:
        """Called when a slot becomes free; while this namespace waits, only when it may reserve one."""
        return self._on_free

    @on_free.setter
    def on_free(self, call: Callable[[], None] | None) -> None:
        self._on_free = call
        self._shares.watch()

    def see(self) -> None:
        """Note the slots that are free now."""
        self._seen = self._slots.times_freed

    @property
    def unseen(self) -> bool:
        """Whether a slot has become free since."""
        return self._seen != self._slots.times_freed

    @property
    def capacity(self) -> int:
        return self._slots.capacity

    @property
    def free(self) -> int:
        """Slots of the worker that neither a run nor a claim holds."""
        return self._shares.free

    @property
    def held(self) -> int:
        return self.used + self.reserved

    @property
    def alone(self) -> bool:
        """Whether the worker serves only this namespace."""
        return self._shares.count == 1

    def of_type(self, name: str) -> int:
        """The number of slots that runs of this handler hold, in all namespaces."""
        return self._slots.of_type(name)

    def of_job(self, job_id: str) -> Slot | None:
        return self._slots.of_job(job_id)

    def acquire(self, job_id: str, name: str) -> Slot:
        """Take a slot for a run, of the reserved ones if there are any."""
        if self.reserved:
            self.reserved -= 1
            self._shares.reserved -= 1
        self.used += 1
        return self._slots.acquire(job_id, name, self)

    def mark_stuck(self, slot: Slot) -> None:
        self._slots.mark_stuck(slot)

    def free_up(self, slot: Slot) -> None:
        """Only Slot calls this, when its last holder has released it."""
        self.used -= 1
        self._slots.free_up(slot)

    def available(self, at_most: int) -> int:
        """How many slots it may reserve now. Without any, it waits."""
        self.waiting = True
        return min(at_most, self._shares.portion(self))

    def reserve(self, at_most: int) -> int:
        """Reserve slots for a claim; returns how many. Without any, it waits."""
        slots = self.available(at_most)
        if slots > 0:
            self.waiting = False
            self._shares.begin(self, slots)
        return slots

    def keep(self, slots: int) -> None:
        """Keep reserved slots for this many jobs, which the claim got, and give back the others."""
        self.served += slots / self.weight
        self._give_back(self.reserved - slots)

    def release(self) -> None:
        """Give back all reserved slots, and wait for none."""
        self.waiting = False
        self._give_back(self.reserved)

    def _give_back(self, slots: int) -> None:
        # A repeated claim may return more jobs than were reserved the second time.
        slots = max(0, slots)
        self.reserved -= slots
        self._shares.reserved -= slots
        self._shares.offer()


class Shares:
    """Decides which namespace may claim how many of the free slots.

    While others wait, a namespace gets slots up to its share of all slots, by its weight among the namespaces
    that wait or have runs; the rest goes to those that have their shares. So a namespace can use every slot
    while the others are idle, and when they are not, it gets none until they have their shares. Within these
    rules, starts follow the weights (start-time fair queueing), so that weights also hold for a single slot.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._shares: list[Share] = []
        self.reserved = 0
        #: `served` of the namespace that claimed last: one that was idle begins here, and has no claim to
        #: what it did not use.
        self._served = 0.0

    @property
    def free(self) -> int:
        return self._slots.free - self.reserved

    @property
    def count(self) -> int:
        return len(self._shares)

    def join(self, weight: int = 1) -> Share:
        share = Share(self, self._slots, weight)
        self._shares.append(share)
        return share

    def leave(self, share: Share) -> None:
        """Its runs may still hold slots."""
        self._shares.remove(share)
        share.release()

    def watch(self) -> None:
        """Hear of free slots while a namespace wants to: runs that end need no call otherwise."""
        watched = any(share.on_free is not None for share in self._shares)
        self._slots.on_free = self._on_free if watched else None

    def begin(self, share: Share, slots: int) -> None:
        share.reserved += slots
        self.reserved += slots
        self._served = max(self._served, share.served)

    def portion(self, share: Share) -> int:
        """How many slots it may reserve, considering the others that wait."""
        share.served = max(share.served, self._served)
        if self.free <= 0:
            return 0
        others = [other for other in self._shares if other is not share]
        if any(other.waiting for other in others):
            return next((slots for each, slots in self._divide() if each is share), 0)
        if any(other.reserved for other in others):
            # They may get jobs and ask for more, so leave them their shares until that is known.
            return min(self.free, max(1, self._missing(share)))
        return self.free

    def offer(self) -> None:
        """Tell those that wait and may reserve slots."""
        if self.free <= 0:
            return
        if len(self._shares) == 1:
            offered = [share for share in self._shares if share.waiting]
        else:
            offered = [share for share, _ in self._divide()]
        for share in offered:
            if share.on_free is not None:
                share.on_free()

    def _divide(self) -> Iterator[tuple[Share, int]]:
        """Those that wait and get some of the free slots, in their order."""
        waiting = [share for share in self._shares if share.waiting]
        missing = {share: self._missing(share) for share in waiting}
        left, weights = self.free, sum(share.weight for share in waiting)
        for share in sorted(waiting, key=lambda share: (missing[share] <= 0, share.served)):
            if left <= 0:
                return
            slots = missing[share] if missing[share] > 0 else max(1, left * share.weight // weights)
            slots = min(left, slots)
            left, weights = left - slots, weights - share.weight
            yield share, slots

    def _missing(self, share: Share) -> int:
        """How many slots it lacks of its share."""
        active = sum(each.weight for each in self._shares if each.waiting or each.held)
        return ceil(self._slots.capacity * share.weight / active) - share.held

    def _on_free(self) -> None:
        for share in list(self._shares):
            if share.on_free is not None and not share.waiting:
                share.on_free()
        self.offer()
