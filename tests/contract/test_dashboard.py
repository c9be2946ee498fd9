"""The Grafana dashboard is importable, and its queries parse and use only exported metrics."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.store.namespace import Namespace
from tests.contract.exported import exported, selectors, unknown
from tests.contract.promtool import promtool

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "helm/triage/dashboards/triage.json").read_text()
)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def expression(text: str) -> str:
    """The query as Grafana sends it, with its variables filled in."""
    filled = text.replace("$__rate_interval", "5m")
    for name in VARIABLES:
        filled = filled.replace(f"${name}", ".*")
    return filled


QUERIES = {
    f"{panel['title']} {target['refId']}": expression(target["expr"])
    for panel in PANELS
    for target in panel["targets"]
}


def test_it_can_be_imported() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("triage", "Triage")
    assert DASHBOARD["schemaVersion"] >= 36
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["title"]
        assert panel["targets"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_panel_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_every_query_parses_with_its_variables_filled_in(query: str) -> None:
    assert "$" not in query
    assert selectors(query)


@pytest.mark.processes
def test_prometheus_accepts_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{index}", "expr": query} for index, query in enumerate(QUERIES.values())]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", path)


async def test_queries_name_metrics_and_labels_that_are_exported(store: Namespace) -> None:
    known = await exported(store)
    problems = {title: unknown(query, known) for title, query in QUERIES.items()}
    for name, variable in VARIABLES.items():
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert asked is not None
            problems[name] = unknown(expression(asked[1]), known)
    assert {title: found for title, found in problems.items() if found} == {}


def test_it_shows_what_an_operator_asks_first() -> None:
    shown = " ".join(QUERIES.values())
    for quantile in ("0.50", "0.95", "0.99"):
        assert (
            f"histogram_quantile({quantile}, sum by (le, name) (rate(triage_job_run_seconds_bucket" in shown
        )
    for metric in (
        "triage_queue_jobs", "triage_queue_oldest_seconds", "triage_dlq_jobs", "triage_jobs_stalled_total",
        "triage_worker_running", "triage_worker_capacity", "http_requests_total",
        "http_request_duration_seconds_bucket",
    ):  # fmt: skip
        assert metric in shown
