"""A worker's metrics of webhooks."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

_OUTCOMES = ("delivered", "retried", "failed")


def attempts_counter(labels: Sequence[str], registry: CollectorRegistry) -> Counter:
    return Counter(
        "triage_webhook_attempts_total",
        "Attempts to deliver an event to a webhook, by outcome.",
        (*labels, "outcome"),
        registry=registry,
    )


class WebhookMetrics:
    """Attempts by outcome: after `retried` another one follows, after `failed` none."""

    def __init__(self, attempts: Counter, common: tuple[str, ...] = ()) -> None:
        """`common`: values of the labels before the outcome."""
        self.attempts = attempts
        self._common = common
        for outcome in _OUTCOMES:
            attempts.labels(*common, outcome)

    def attempted(self, outcome: str) -> None:
        self.attempts.labels(*self._common, outcome).inc()

    def forget(self) -> None:
        for outcome in _OUTCOMES:
            self.attempts.remove(*self._common, outcome)
