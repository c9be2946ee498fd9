"""Values are documented, in the schema, and used: an unknown key would be ignored silently."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.matrix import CASES, EVERYTHING, ON
from tests.chart.rendering import CHART, Release
from tools.chart_values import documented

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
Path = tuple[str, ...]

#: Another value for each one that `_another` cannot derive.
ANOTHER: dict[str, Any] = {
    "api.affinity": {"podAffinity": {}},
    "api.extraEnv": [{"name": "OTHER", "value": "x"}],
    "api.resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "api.service.type": "NodePort",
    "api.tolerations": [],
    "extraEnv": [{"name": "OTHER", "value": "x"}],
    "extraEnvFrom": [],
    "extraVolumeMounts": [],
    "extraVolumes": [],
    "image.pullPolicy": "Always",
    "image.pullSecrets": ["other"],
    "metrics.interval": "5s",
    "networkPolicy.apiFrom": [{"podSelector": {}}],
    "networkPolicy.metricsFrom": [{"podSelector": {}}],
    "networkPolicy.issuerTo": [],
    "networkPolicy.redisTo": [],
    "networkPolicy.apiEgress": [],
    "networkPolicy.redisPorts": [7000],
    "networkPolicy.sentinelPorts": [26379],
    "networkPolicy.workerEgress": [],
    "metrics.prometheusRule.runbookUrl": "https://other.example.com/",
    "namespaceJob.resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "namespaceJob.tolerations": [],
    "namespaces": {"other": {}},
    "redis.durability": "stored",
    "redis.replicationSeconds": 0.25,
    "redis.url": "rediss://other:6379/0",
    "topologySpread": ["other"],
    "workerDefaults.queues": "other",
    "workers": {"other": {}},
}
_POOL_ANOTHER: dict[str, Any] = {
    "affinity": {"podAffinity": {}},
    "extraEnv": [{"name": "OTHER", "value": "x"}],
    "jobsPerWorker": 7,
    "resources": ANOTHER["api.resources"],
    "terminationGracePeriodSeconds": 4000,
    "tolerations": [{"key": "other", "operator": "Exists"}],
}
#: What a URL from a Secret excludes.
_SECRET_URL: dict[str, Any] = {
    "username": "", "password": {"existingSecret": ""}, "tls": {"clientCertificate": False},
}  # fmt: skip
#: Preconditions that make a value take effect.
CIRCUMSTANCES: dict[str, dict[str, Any]] = {
    "api.replicas": {"api": {"autoscaling": {"enabled": False}}},
    "metrics.open": {"workers": {"bulk": None, "two": None}},
    "redis.existingSecret": {"redis": _SECRET_URL, "workers": {"tenants": {"redisUsername": ""}}},
    "redis.existingSecretKey": {
        "redis": {**_SECRET_URL, "existingSecret": "redis"},
        "workers": {"tenants": {"redisUsername": ""}},
    },
    "redis.password.sentinelKey": {"redis": {"url": "rediss+sentinel://s1,s2/mymaster"}},
    "workerDefaults.redisSecretKey": {"redis": {"existingSecret": "redis"}},
    "workerDefaults.redisUsername": {"redis": {"username": "api", "password": {"existingSecret": "redis"}}},
    "workerDefaults.keda.namespaceSecrets": {
        "workerDefaults": {"keda": {"namespaceSecrets": {"other": "y"}}},
        "workers": {"default": {"namespaces": "other"}},
    },
}


LEAVES: list[Path] = [path for path, _, _ in documented(CHART / "values.yaml")]


def _at(values: dict[str, Any], path: Path) -> Any:
    for part in path:
        values = values[part]
    return values


def _copy(values: dict[str, Any]) -> dict[str, Any]:
    # Unlike copy.deepcopy, this duplicates objects that the cases share.
    return json.loads(json.dumps(values))


def _with(values: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed = _copy(values)
    node = changed
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = value
    return changed


def _merged(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = _copy(values)
    for key, value in over.items():
        merged[key] = _merged(merged[key], value) if isinstance(value, dict) and key in merged else value
    return merged


def _another(path: Path, value: Any) -> Any:
    key = ".".join(path)
    if key in ANOTHER:
        return ANOTHER[key]
    if path[0] == "workerDefaults" and path[-1] in _POOL_ANOTHER:
        return _POOL_ANOTHER[path[-1]]
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return 4000
        case str():
            return f"{value}x"
        case list():
            return ["/other" if path[-1] == "paths" else "other"]
        case _:
            return {"other": "x"}


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_every_value_changes_the_rendered_chart(path: Path) -> None:
    base = _merged(EVERYTHING, CIRCUMSTANCES.get(".".join(path), {}))
    if path == ("auth", "required"):
        base = {}
    if path[0] == "workerDefaults":
        # A custom pool that sets only what makes the value take effect.
        circumstance = {
            name: ON for name in ("autoscaling", "keda") if name in path and path[-1] != "enabled"
        }
        base = {"workers": {"default": circumstance}, "metrics": {"podMonitor": ON}}
        base = _merged(base, CIRCUMSTANCES.get(".".join(path), {}))
    value = _another(path, _at(_merged(VALUES, base), path))
    before, after = Release(base), Release(_with(base, path, value))
    assert before.files != after.files


def _known(schema: dict[str, Any]) -> Iterator[Path]:
    reference = schema.get("$ref")
    if reference:
        schema = SCHEMA["definitions"][reference.rsplit("/", 1)[1]]
    for name, below in schema.get("properties", {}).items():
        yield (name,)
        yield from ((name, *path) for path in _known(below))


def test_the_schema_knows_exactly_the_values_of_the_chart() -> None:
    given: set[Path] = set()
    for path in LEAVES:
        given |= {path[: depth + 1] for depth in range(len(path))}
    # `global` is Helm's own; requests and limits are Kubernetes'.
    known = {path for path in _known(SCHEMA) if path != ("global",) and "resources" not in path[:-1]}
    assert known == given


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for below in schema.values():
            yield from _objects(below)


def test_every_object_of_the_schema_is_closed() -> None:
    assert all(found["additionalProperties"] is False for found in _objects(SCHEMA))


def test_the_default_values_are_complete() -> None:
    """A case of the matrix may add to lists and maps, but not change a type."""
    for case in CASES.values():
        for key, value in case.items():
            assert key == "global" or isinstance(value, type(VALUES[key])), key
