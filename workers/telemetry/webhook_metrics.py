"""A worker's metrics of webhooks."""

from prometheus_client import CollectorRegistry, Counter


class WebhookMetrics:
    """Attempts by outcome: after `retried` another one follows, after `failed` none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "triage_webhook_attempts_total",
            "Attempts to deliver an event to a webhook, by outcome.",
            ("outcome",),
            registry=registry,
        )
        for outcome in ("delivered", "retried", "failed"):
            self.attempts.labels(outcome)

    def attempted(self, outcome: str) -> None:
        self.attempts.labels(outcome).inc()
