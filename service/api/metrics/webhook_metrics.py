"""The metrics of webhooks that the API reads from Redis."""

from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from service.domain.webhook import Webhook
from service.store.namespace import Namespace
from service.store.webhooks.outbox import OutboxCounts


async def read_webhooks(namespace: Namespace) -> list[Metric]:
    return webhook_families(await namespace.webhooks.list(), await namespace.outbox.counts())


def webhook_families(webhooks: Sequence[Webhook], counts: OutboxCounts) -> list[Metric]:
    states = dict.fromkeys(("enabled", "failing", "disabled"), 0)
    for webhook in webhooks:
        if webhook.disabled_reason == "requested":
            continue
        if webhook.disabled_at is not None:
            states["disabled"] += 1
        else:
            states["failing" if webhook.failing_since else "enabled"] += 1
    endpoints = GaugeMetricFamily(
        "triage_webhooks",
        "Webhooks by state; those that an operator disabled are not counted.",
        labels=("state",),
    )
    for state, number in states.items():
        endpoints.add_metric((state,), number)
    return [
        endpoints,
        GaugeMetricFamily(
            "triage_webhook_pending_deliveries", "Deliveries that have not ended.", value=counts.pending
        ),
        GaugeMetricFamily(
            "triage_webhook_oldest_pending_seconds",
            "The age of the oldest pending delivery; 0 without one.",
            value=counts.oldest_ms / 1000,
        ),
        CounterMetricFamily(
            "triage_webhook_dropped_events",
            "Events that were lost because too many deliveries were pending.",
            value=counts.dropped,
        ),
    ]
