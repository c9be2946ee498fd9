"""The table of metrics in docs/operations.md, read from the objects that API and worker export."""

from collections.abc import Iterable
from typing import Any

from service.api.http_metrics import RequestMetrics
from service.api.metrics import queue_families, redis_families
from workers.telemetry.metrics import Metrics


def metrics_table() -> list[str]:
    """Rows by process, each in the order in which the code declares them."""
    api = [*redis_families(up=True), *queue_families([], {}, omitted=0), RequestMetrics().payload_bytes]
    worker = [
        metric
        for name, metric in vars(Metrics()).items()
        if hasattr(metric, "describe") and name != "registry"
    ]
    lines = ["| metric | of | type | labels | |", "|---|---|---|---|---|"]
    return [*lines, *_rows("API", api), *_rows("worker", worker)]


def _rows(process: str, metrics: Iterable[Any]) -> list[str]:
    rows: list[str] = []
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in vars(metric)["_labelnames"])
        (family,) = metric.describe() if hasattr(metric, "describe") else [metric]
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {process} | {family.type} | {labels} | {family.documentation} |")
    return rows
