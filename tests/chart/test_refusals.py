"""Values that the chart refuses, and its messages."""

from typing import Any

import helm_python as helm
import pytest

from tests.chart.matrix import ON
from tests.chart.rendering import Release

TOKENS = {"issuer": "a", "audience": "b", "jwksUrl": "https://issuer.example.com/jwks"}
LOOPBACK = {"auth": {"required": False}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("hpa and keda", {"workers": {"default": {"autoscaling": ON, "keda": ON}}}, "enable one of them"),
    ("hpa and keda by default", {"workerDefaults": {"autoscaling": ON, "keda": ON}}, "enable one of them"),
    (
        "grace below the drain",
        {"workers": {"default": {"drainSeconds": 60, "terminationGracePeriodSeconds": 79}}},
        "at least 80",
    ),
    (
        "grace of all below the drain",
        {"workerDefaults": {"terminationGracePeriodSeconds": 30}},
        "at least 50",
    ),
    (
        "one namespace and several",
        {"workers": {"default": {"jobNamespace": "shop", "namespaces": "a,b"}}},
        "set one of them",
    ),
    (
        "keda over several namespaces",
        {"workers": {"default": {"namespaces": {"a": 1}, "keda": ON}}},
        "counts the jobs of one namespace",
    ),
    ("grace of the api", {"api": {"terminationGracePeriodSeconds": 19}}, "at least 20"),
    (
        "drain behind the chart's back",
        {"extraEnv": [{"name": "TRIAGE_DRAIN_SECONDS", "value": "900"}]},
        "the chart sets",
    ),
    (
        "drain behind the pool's back",
        {"workers": {"default": {"extraEnv": [{"name": "TRIAGE_DRAIN_SECONDS", "value": "900"}]}}},
        "the chart sets",
    ),
    (
        "keys off by environment",
        {"api": {"extraEnv": [{"name": "TRIAGE_AUTH", "value": "off"}]}},
        "the chart sets",
    ),
    ("password in values", {"redis": {"url": "redis://app:secret@redis:6379/0"}}, "existingSecret"),
    ("password without a user", {"redis": {"url": "redis://:secret@redis:6379/0"}}, "existingSecret"),
    (
        "password of the Sentinels",
        {"redis": {"url": "redis+sentinel://s1,s2/m/0?sentinel_password=x"}},
        "existingSecret",
    ),
    ("a part of the tokens", {"auth": {"jwt": {"issuer": "a", "audience": "b"}}}, "all three or none"),
    (
        "tokens that no API checks",
        {"auth": {"required": False, "jwt": TOKENS}},
        "accepts requests without tokens",
    ),
    (
        "keys over http",
        {"auth": {"jwt": {**TOKENS, "jwksUrl": "http://issuer.example.com/jwks"}}},
        "jwksUrl",
    ),
    (
        "a password for the keys",
        {"auth": {"jwt": {**TOKENS, "jwksUrl": "https://a:b@issuer.example.com/jwks"}}},
        "jwksUrl",
    ),
    (
        "an issuer behind the chart's back",
        {"extraEnv": [{"name": "TRIAGE_JWT_ISSUER", "value": "https://evil.example.com/"}]},
        "the chart sets",
    ),
    ("ingress without keys", {**LOOPBACK, "api": {"ingress": ON}}, "loopback"),
    ("monitor without keys", {**LOOPBACK, "metrics": {"serviceMonitor": ON}}, "loopback"),
    ("keda without keys", {**LOOPBACK, "workerDefaults": {"keda": ON}}, "loopback"),
    ("keda for unnamed queues", {"workers": {"default": {"queues": "*", "keda": ON}}}, "keda.queues"),
    ("unknown key", {"replicaCount": 3}, "replicaCount"),
    ("unknown key of a pool", {"workers": {"default": {"replica": 3}}}, "replica"),
    ("unknown key deep inside", {"api": {"ingress": {"enable": True}}}, "enable"),
    ("string for a boolean", {"api": {"ingress": {"enabled": "yes"}}}, "enabled"),
    ("weight of zero", {"workers": {"default": {"queues": {"a": 0}}}}, "queues"),
    ("no queues", {"workers": {"default": {"queues": ""}}}, "queues"),
    ("pool with a bad name", {"workers": {"Bulk_1": {}}}, "Bulk_1"),
    ("negative drain", {"workers": {"default": {"drainSeconds": -1}}}, "drainSeconds"),
    ("concurrency of zero", {"workers": {"default": {"concurrency": 0}}}, "concurrency"),
    ("no secret's name", {"auth": {"existingSecret": ""}}, "existingSecret"),
    ("other store", {"redis": {"url": "postgres://x"}}, "url"),
]


@pytest.mark.parametrize(("values", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_it_refuses(values: dict[str, Any], says: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        Release(values)
    assert says in str(refusal.value)


def test_a_longer_grace_period_is_accepted() -> None:
    pod = Release({"workers": {"default": {"terminationGracePeriodSeconds": 51}}}).pod("-worker-default")
    assert pod["terminationGracePeriodSeconds"] == 51
