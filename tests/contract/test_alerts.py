"""Alerts: tested by promtool, based on metrics that exist, each with its section in the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.store.namespace import Namespace
from tests.contract.exported import exported, unknown
from tests.contract.promtool import promtool

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "helm/triage/rules/triage.yaml"
RUNBOOK = ROOT / "docs/runbook.md"
TESTS = sorted((ROOT / "tests/alerts").glob("*.yaml"))
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
NAMES = [alert["alert"] for alert in ALERTS]


@pytest.mark.processes
def test_prometheus_accepts_the_rules() -> None:
    assert f"SUCCESS: {len(ALERTS)} rules found" in promtool("check", "rules", RULES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
@pytest.mark.processes
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_tested_firing_and_silent(name: str) -> None:
    cases = [
        case
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == name
    ]
    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_has_a_severity_a_summary_and_a_link_to_the_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    anchor = alert["annotations"]["runbook_url"].removeprefix("docs/runbook.md#")
    assert anchor == alert["alert"].lower()
    section = re.search(rf"^## {alert['alert']}\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.M | re.S)
    assert section is not None, "has no section in docs/runbook.md"
    for part in ("**Means.**", "**Look at.**", "**Do.**"):
        assert part in section[1], part


def test_the_runbook_is_about_alerts_that_exist() -> None:
    assert set(re.findall(r"^## (Triage\w+)$", RUNBOOK.read_text(), re.M)) == set(NAMES)


async def test_alerts_name_metrics_and_labels_that_are_exported(store: Namespace) -> None:
    known = await exported(store)
    assert {alert["alert"]: unknown(alert["expr"], known) for alert in ALERTS} == {name: [] for name in NAMES}
