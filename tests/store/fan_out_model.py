"""A small model of what a fan-out promises, in plain Python."""

from dataclasses import dataclass, field

FINISHED = ("succeeded", "dead", "cancelled")


@dataclass
class ModelItem:
    state: str = "queued"
    started: bool = False
    asked: str | None = None


@dataclass
class ModelFanOut:
    """The same operations as the store; each runs until nothing is left to do."""

    count: int | None = None
    percent: float | None = None
    items: dict[int, ModelItem] = field(default_factory=dict[int, ModelItem])
    sealed: bool = False
    cancelled: bool = False
    failing: bool = False
    state: str = "open"
    then: str = "blocked"

    @property
    def next_index(self) -> int:
        return next(index for index in range(len(self.items) + 1) if index not in self.items)

    def fill(self, indexes: list[int]) -> int | None:
        """How many items were added; None when it accepts no more."""
        fresh = [index for index in dict.fromkeys(indexes) if index not in self.items]
        if fresh and self.sealed:
            return None
        for index in fresh:
            self.items[index] = ModelItem("cancelled" if self.failing else "queued")
        self._look()
        return len(fresh)

    def seal(self, expected: int) -> bool:
        gapless = self.next_index == len(self.items)
        if expected != len(self.items) or not (gapless or self.sealed):
            return False
        if not self.sealed:
            self.sealed, self.state = True, "running"
        self._look()
        return True

    def end(self, index: int, state: str) -> None:
        item = self.items[index]
        item.state = "cancelled" if item.asked else state
        self._look()

    def cancel_item(self, index: int) -> None:
        item = self.items[index]
        if item.state == "running":
            item.asked = item.asked or "requested"
        elif item.state not in FINISHED:
            item.state = "cancelled"
        self._look()

    def redrive(self, index: int) -> None:
        item = self.items[index]
        if item.state in ("dead", "cancelled"):
            self.items[index] = ModelItem()
        self._look()

    def cancel(self) -> bool:
        if self.state not in ("open", "running"):
            return False
        self.cancelled = self.sealed = True
        self.state = "running"
        for index in self.items:
            self.cancel_item(index)
        self._look()
        return True

    def retry(self) -> bool:
        if not any(item.state in ("dead", "cancelled") for item in self.items.values()):
            return False
        self.cancelled = self.failing = False
        self.state = "open" if self.state == "open" else "running"
        for index, item in self.items.items():
            if item.state in ("dead", "cancelled"):
                self.items[index] = ModelItem()
        if self.then in ("queued", "dead", "cancelled"):
            self.then = "blocked"
        self._look()
        return True

    def _look(self) -> None:
        states = [item.state for item in self.items.values()]
        dead = states.count("dead")
        over = (self.count is not None and dead > self.count) or (
            self.percent is not None and self.sealed and dead * 100 > self.percent * len(states)
        )
        if over and not self.failing and not self.cancelled:
            self.failing = True
            for item in self.items.values():
                if not item.started and item.state not in FINISHED:
                    item.state = "cancelled"
            states = [item.state for item in self.items.values()]
        finished = all(state in FINISHED for state in states)
        if self.state not in ("open", "running") and not finished:
            self.state = "running"
        elif self.state == "running" and self.sealed and finished:
            tolerant = self.count is not None or self.percent is not None
            if self.cancelled:
                self.state = "cancelled"
            elif self.failing or (dead and not tolerant):
                self.state = "failed"
            else:
                by_request = "cancelled" in states and "succeeded" not in states
                self.state = "cancelled" if by_request else "succeeded"
            if self.then == "blocked":
                self.then = "cancelled" if self.state == "cancelled" else "queued"
