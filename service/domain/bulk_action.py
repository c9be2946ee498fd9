"""One action on every job that matches: which jobs it can take, and how fast it goes."""

from collections.abc import Mapping
from math import ceil
from typing import Literal

from service.domain.states import FINISHED, LIVE, REDRIVE, State

Verb = Literal["cancel", "retry", "delete"]
ActionState = Literal["running", "paused", "succeeded", "cancelled"]

#: States of the jobs that an action can do something about: no other job is looked at.
TAKES: Mapping[Verb, frozenset[State]] = {"cancel": LIVE, "retry": REDRIVE.sources, "delete": FINISHED}
#: Jobs that one script call handles: each takes Redis some 50 us, and that time is everybody's time.
PORTION = 100
#: Jobs a second of an action that names no rate; Redis is busy with it for a quarter of its time.
FASTEST = 5_000
#: Less than one job in a quarter of an hour is a pause.
SLOWEST = 0.001


def batch_rate(rate_per_second: float | None) -> tuple[int, int]:
    """Jobs of a portion, and ms from one portion to the next.

    No second, wherever it begins, holds more jobs than the rate; below 1 a second holds one at most.
    """
    rate = FASTEST if rate_per_second is None else rate_per_second
    if rate < 1:
        return 1, ceil(1_000 / rate)
    portions = ceil(rate / PORTION)
    return int(rate / portions), ceil(1_000 / portions)
