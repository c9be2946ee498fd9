"""What each queue is owed on this worker: weights, and the credit of smooth weighted round robin."""

from collections.abc import Mapping

#: Queues that "*" stands for whose credit is remembered; beyond that the one seen longest ago is forgotten.
REMEMBERED = 200


class Shares:
    """Credit outlives a claim, so that shares hold when a worker takes one job at a time."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._credits: dict[str, int] = {}

    def asked(self) -> dict[str, tuple[int, int]]:
        """Weight and credit of each queue for the next claim, those behind "*" by their own names."""
        queues = {name: (weight, self._credits.get(name, 0)) for name, weight in self._weights.items()}
        if "*" in self._weights:
            others = {name: credit for name, credit in self._credits.items() if name not in queues}
            queues |= {name: (self._weights["*"], credit) for name, credit in others.items()}
        return queues

    def learn(self, credits: Mapping[str, int]) -> None:
        """Keep what a claim answered."""
        for name, credit in credits.items():
            self._credits.pop(name, None)
            self._credits[name] = credit
        for name in list(self._credits)[: max(0, len(self._credits) - REMEMBERED)]:
            del self._credits[name]
