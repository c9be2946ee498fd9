"""Rendered manifests are valid for the oldest and the newest Kubernetes, and for the operators' CRDs."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.chart.matrix import CASES, rendered
from tests.chart.rendering import CHART, Release

#: The oldest is kubeVersion in Chart.yaml, the newest the latest that kubernetes-validate knows.
OLDEST, NEWEST = "1.30.0", "1.37.0"
SCHEMAS = Path(__file__).with_name("schemas")


def test_the_oldest_version_is_the_charts() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST}-0"


@cache
def _valid(document: str, version: str) -> bool:
    kubernetes_validate.validate(json.loads(document), version, strict=True)
    return True


@cache
def _crd(kind: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{kind}.json").read_text()))


@pytest.mark.parametrize("case", CASES)
def test_manifests_are_valid(case: str) -> None:
    for manifest in rendered(case).manifests:
        if (SCHEMAS / f"{manifest['kind']}.json").exists():
            _crd(manifest["kind"]).validate(manifest)
            continue
        for version in (OLDEST, NEWEST):
            assert _valid(json.dumps(manifest, sort_keys=True), version)


@pytest.mark.parametrize("case", CASES)
def test_helm_lint_finds_nothing(case: str) -> None:
    for version in (OLDEST, NEWEST):
        report = helm.lint(CHART, CASES[case], strict=True, kube_version=f"v{version}")
        remarks = [row for row in report["messages"] if row["error"] != "icon is recommended"]
        assert (remarks, report["errors"]) == ([], [])


def test_the_schemas_of_the_operators_refuse_unknown_fields() -> None:
    manifest = Release(CASES["everything"]).one("ScaledObject", "-worker-bulk")
    manifest["spec"]["replicas"] = 1
    with pytest.raises(jsonschema.ValidationError):
        _crd("ScaledObject").validate(manifest)
