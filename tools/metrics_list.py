"""The list of metrics in docs/reference/metrics.md, read from the objects that API and worker export."""

from collections.abc import Iterable
from typing import Any

from service.api.metrics.api_metrics import queue_families, redis_families
from service.api.metrics.audit_metrics import audit_families
from service.api.metrics.http_metrics import RequestMetrics
from service.api.metrics.webhook_metrics import webhook_families
from service.store.webhooks.outbox import OutboxCounts
from tools.reference import item
from workers.telemetry.metrics import ProcessMetrics


def metrics_list() -> list[str]:
    """First the API's metrics, then the worker's, each in the order in which the code declares them."""
    api = [
        *redis_families(up=True),
        *queue_families([], {}, omitted=0),
        *webhook_families([], OutboxCounts(0, 0, 0)),
        *audit_families(None),
        *RequestMetrics().payloads.collect(),
    ]
    metrics = vars(ProcessMetrics())
    worker = [
        metric for name, metric in metrics.items() if hasattr(metric, "describe") and name != "registry"
    ]
    return [*_items("API", api), *_items("worker", worker)]


def _items(process: str, metrics: Iterable[Any]) -> list[str]:
    lines: list[str] = []
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in vars(metric)["_labelnames"])
        (family,) = metric.describe() if hasattr(metric, "describe") else [metric]
        name = family.name + ("_total" if family.type == "counter" else "")
        by = f" by {labels}" if labels else ""
        lines += item(f"**`{name}`** ({process}, {family.type}{by}): {family.documentation}")
    return lines
