"""Renders the chart and reads the result."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/triage"

Manifest = dict[str, Any]


class _OnceEach(yaml.CSafeLoader):
    """YAML as the API server validates it in strict mode: a duplicate key is an error."""


def _mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> Any:
    keys = [key.value for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"{sorted(twice)} twice, {node.start_mark}"
    return loader.construct_mapping(node, deep=True)


_OnceEach.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class Release:
    """Everything that an installation of the chart with these values would create."""

    def __init__(
        self, values: Mapping[str, Any] | None = None, name: str = "demo", namespace: str = "prod"
    ) -> None:
        with helm.Chart.load(CHART) as chart:
            self.files = chart.render(dict(values or {}), name=name, namespace=namespace)
        self.notes = self.files.pop("triage/templates/NOTES.txt")
        texts = self.files.values()
        self.manifests = [
            manifest for text in texts for manifest in yaml.load_all(text, _OnceEach) if manifest is not None
        ]

    def of(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        """By the name without the release's."""
        found = [
            manifest for manifest in self.of(kind) if manifest["metadata"]["name"] == f"demo-triage{name}"
        ]
        assert len(found) == 1, [manifest["metadata"]["name"] for manifest in self.of(kind)]
        return found[0]

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Name and spec of every pod in the release."""
        for kind in ("Deployment", "Job"):
            for manifest in self.of(kind):
                yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]
        for manifest in self.of("Pod"):
            yield manifest["metadata"]["name"], manifest["spec"]

    def pod(self, name: str) -> Manifest:
        return self.one("Deployment", name)["spec"]["template"]["spec"]


def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    return only


def environment(pod: Manifest) -> dict[str, Any]:
    """Values by name; a value from elsewhere is the mapping that names its source."""
    rows = container(pod)["env"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names)), names
    return {row["name"]: row.get("value", row.get("valueFrom")) for row in rows}
