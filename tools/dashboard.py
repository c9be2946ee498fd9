"""The Grafana dashboard from its panels in dashboard.yaml; tools.generate writes it."""

from pathlib import Path
from typing import Any

import orjson
import yaml

_TARGETS = 'namespace=~"$namespace"'
_QUEUES = f'{_TARGETS},queue=~"$queue"'
_STANDS_FOR = {
    "<targets>": _TARGETS,
    "<queues>": _QUEUES,
    "<jobs>": f'{_QUEUES},name=~"$name"',
    "<rate>": "$__rate_interval",
    "<ours>": f"and on (namespace, job) group by (namespace, job) (triage_redis_up{{{_TARGETS}}})",
}
_VARIABLES = {
    "namespace": "label_values(triage_redis_up, namespace)",
    "queue": f"label_values(triage_queue_jobs{{{_TARGETS}}}, queue)",
    "name": f"label_values(triage_jobs_finished_total{{{_TARGETS}}}, name)",
}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
#: Grafana's grid has 24 columns.
_COLUMNS = 24


def dashboard() -> str:
    """The document that Grafana imports; the same text every time."""
    document = {
        "uid": "triage",
        "title": "Triage",
        "tags": ["triage"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), *(_variable(*item) for item in _VARIABLES.items())]},
        "annotations": {"list": []},
        "panels": _panels(yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _panels(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in rows.items():
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        y += 1
        # The first row shows single figures, the others show curves.
        kind, width, height = ("stat", 6, 4) if y == 1 else ("timeseries", 8, 8)
        for index, panel in enumerate(row):
            line, column = divmod(index, _COLUMNS // width)
            place = {"x": column * width, "y": y + line * height, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "type": kind, "gridPos": place, **_content(panel)})
        y += -(-len(row) * width // _COLUMNS) * height
    return panels


def _content(panel: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": panel["title"],
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.get("unit", "short"), "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + index), "datasource": _SOURCE, "expr": _filled(query), "legendFormat": legend}
            for index, (legend, query) in enumerate(panel["queries"].items())
        ],
    }


def _filled(query: str) -> str:
    for word, text in _STANDS_FOR.items():
        query = query.replace(word, text)
    return query


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "label": name.capitalize(),
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # Also matches a target without the label.
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
