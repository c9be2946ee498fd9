"""What the screen shows, from the API's documents, with the rates of the last minutes."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

STATES = ("queued", "running", "retrying", "scheduled", "blocked")
#: How many refreshes the line of rates goes back.
HISTORY = 60

Order = Literal["attention", "name", "queued", "rate", "failures"]
ORDERS: tuple[Order, ...] = ("attention", "name", "queued", "rate", "failures")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One refresh: queues, those that need attention first, the totals of all, and the workers.

    `workers` is None if the key may not read them.
    """

    queues: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any]
    workers: Sequence[Mapping[str, Any]] | None
    at: float

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {"totals": self.totals, "queues": list(self.queues), "workers": self.workers}

    def per_second(self, name: str) -> float:
        return sum(queue[f"{name}_per_second"] for queue in self.queues)

    @property
    def live(self) -> list[Mapping[str, Any]]:
        return [worker for worker in self.workers or () if worker["state"] != "lost"]

    def ordered(self, order: Order) -> list[Mapping[str, Any]]:
        match order:
            case "attention":
                return list(self.queues)
            case "name":
                return sorted(self.queues, key=lambda queue: queue["name"])
            case "queued":
                return sorted(self.queues, key=lambda queue: -queue["counts"]["queued"])
            case "rate":
                return sorted(self.queues, key=lambda queue: -queue["finished_per_second"])
            case "failures":
                return sorted(
                    self.queues, key=lambda queue: (-queue["failed_per_second"], -queue["dlq_depth"])
                )


@dataclass
class View:
    """The state of the screen. `problem` says why the figures are old."""

    address: str
    seconds: float
    order: Order = "attention"
    snapshot: Snapshot | None = None
    problem: str | None = None
    rates: deque[float] = field(default_factory=lambda: deque[float](maxlen=HISTORY))

    def take_over(self, snapshot: Snapshot) -> None:
        self.snapshot, self.problem = snapshot, None
        self.rates.append(snapshot.per_second("finished"))

    def next_order(self) -> None:
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]


def notes(queue: Mapping[str, Any]) -> list[str]:
    """What slows the queue down, or needs an operator."""
    found: list[str] = []
    if queue["paused"]:
        found.append("paused")
    found += [f"{name} paused" for name in queue["paused_job_types"]]
    if queue["unserved_job_types"]:
        found.append(f"no worker for {', '.join(queue['unserved_job_types'])}")
    elif not queue["workers"] and queue["counts"]["queued"]:
        found.append("no worker")
    if freezes := queue["freezes"]:
        found.append(f"{len(freezes)} frozen")
    if queue["max_concurrency"] is not None and queue["counts"]["running"] >= queue["max_concurrency"]:
        found.append(f"at its limit of {queue['max_concurrency']}")
    if rate := queue["rate_limit"]:
        found.append(f"limit {rate['limit']}/{rate['per_seconds']:g}s")
    return found
